"""The files of deploy/: valid for those who read them, locked down, and true to the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from bot import clinic as clinics
from bot import metrics
from bot.runtime import cluster, front, migrate, setup
from bot.runtime.serve import free_port

DEPLOY = Path("deploy")
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OBJECTS = [
    one
    for file in sorted(KUBERNETES.glob("*.yaml"))
    if file.name != "kustomization.yaml"
    for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
OURS = ("migrate", "front", "rasa-1", "rasa-2", "actions-1", "actions-2")


JOBS = ("migrate", "purge")


def templates() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in OBJECTS:
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]
        elif one["kind"] == "CronJob":
            yield one["metadata"]["name"], one["spec"]["jobTemplate"]["spec"]["template"]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, template in templates():
        yield name, template["spec"]


def containers() -> list[Any]:
    return [
        pytest.param(container, id=f"{name}-{container['name']}")
        for name, pod in pods()
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    ]


# -- what the readers say --------------------------------------------------------------------------


def check(folder: Path, part: str) -> subprocess.CompletedProcess[str]:
    try:
        uv = setup.find_uv()
    except setup.SetupError as error:
        pytest.skip(str(error))
    return subprocess.run(
        [uv, "run", "--quiet", "--frozen", "--script", str(folder / "check.py"), part], capture_output=True, text=True
    )


@pytest.mark.parametrize("part", ["kubernetes", "compose", "docker"])
def test_the_files_are_valid(part: str) -> None:
    done = check(DEPLOY, part)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("part", "file", "right", "wrong"),
    [
        ("kubernetes", "kubernetes/rasa.yaml", "terminationGracePeriodSeconds: 45", "terminationGraceSeconds: 45"),
        ("kubernetes", "kubernetes/rasa.yaml", "targetPort: metrics", "targetPort: metric"),
        ("kubernetes", "kubernetes/rasa.yaml", "path: /health/live, port: http", "path: /health/live, port: https"),
        ("kubernetes", "kubernetes/network.yaml", "port: 9105", "port: 9106"),
        (
            "kubernetes",
            "kubernetes/network.yaml",
            "from: [{ podSelector: { matchLabels: { app: nginx } } }]",
            "from: []",
        ),
        ("compose", "compose.yaml", "cap_drop: [ALL]", "cap_drops: [ALL]"),
        ("docker", "Dockerfile", "FROM python:3.11-slim-bookworm\n", "FROM python\n"),
    ],
)
def test_a_mistake_is_found(part: str, file: str, right: str, wrong: str, tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    shutil.copytree(DEPLOY, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert right in text
    (folder / file).write_text(text.replace(right, wrong), encoding="utf-8")
    done = check(folder, part)
    assert done.returncode == 1, done.stdout + done.stderr


# -- Kubernetes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", containers())
def test_each_container_is_locked_down_and_bounded(container: dict[str, Any]) -> None:
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container["resources"]["limits"]
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}


@pytest.mark.parametrize(("name", "pod"), list(pods()))
def test_each_pod_runs_without_root_and_without_rights_in_kubernetes(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    if name not in JOBS:
        (container,) = pod["containers"]
        assert container["readinessProbe"]
        assert container["livenessProbe"]


def test_secrets_are_referred_to_and_never_written() -> None:
    assert all(one["kind"] != "Secret" for one in OBJECTS)
    named = {"SECRET", "PASSWORD", "TOKEN", "KEY", "_URL"}
    for name, pod in pods():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            for variable in container.get("env", []):
                if any(part in variable["name"] for part in named):
                    value = str(variable.get("value", ""))
                    assert value in ("", "http://actions:5055/webhook"), f"{name}: {variable['name']}"


def test_services_budgets_and_policies_speak_of_pods_that_are_there() -> None:
    labels = {name: template["metadata"]["labels"]["app"] for name, template in templates()}
    assert set(labels) == {"rasa", "actions", "nginx", *JOBS}
    text = "\n".join(file.read_text(encoding="utf-8") for file in KUBERNETES.glob("*.yaml"))
    assert set(re.findall(r"\{ app: (\w+) \}", text)) == set(labels.values())
    ours = {"kubernetes.io/metadata.name", "app.kubernetes.io/name", "k8s-app", "app"}
    assert {name for one in OBJECTS if one["kind"] == "NetworkPolicy" for name in _labels(one["spec"])} <= ours
    scaled = [one for one in OBJECTS if one["kind"] == "HorizontalPodAutoscaler"]
    assert [one["spec"]["scaleTargetRef"]["name"] for one in scaled] == ["rasa"]
    assert {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "PodDisruptionBudget"} == {
        "rasa", "actions", "nginx",
    }  # fmt: skip


def _labels(spec: Any) -> Iterator[str]:
    """The labels that a policy goes by."""
    if isinstance(spec, list):
        for part in spec:
            yield from _labels(part)
    elif isinstance(spec, dict):
        yield from spec.get("matchLabels", {})
        for part in spec.values():
            yield from _labels(part)


def _fits(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    return selector is not None and selector.get("matchLabels", {}).items() <= labels.items()


def lets_in(pod: str, port: int, caller: dict[str, str], namespace: str = "il2") -> bool:
    """Whether the network policies let a caller reach a port of our pods, as Kubernetes reads them."""
    rules = [
        rule
        for one in OBJECTS
        if one["kind"] == "NetworkPolicy" and _fits(one["spec"]["podSelector"], {"app": pod})
        for rule in one["spec"].get("ingress", [])
        if port in [opened["port"] for opened in rule["ports"]]
    ]
    spaces = {"kubernetes.io/metadata.name": namespace}
    for rule in rules:
        for peer in rule.get("from", [{"namespaceSelector": {}}]):
            there = _fits(peer["namespaceSelector"], spaces) if "namespaceSelector" in peer else namespace == "il2"
            if there and _fits(peer.get("podSelector", {}), caller):
                return True
    return False


PROMETHEUS = {"app.kubernetes.io/name": "prometheus"}


@pytest.mark.parametrize(
    ("port", "caller", "namespace", "let"),
    [
        (9105, PROMETHEUS, "monitoring", True),
        (9105, {"app.kubernetes.io/name": "grafana"}, "monitoring", False),
        (9105, PROMETHEUS, "default", False),
        (9105, PROMETHEUS, "il2", False),
        (9105, {"app": "nginx"}, "il2", False),
        (9105, {"app": "actions"}, "il2", False),
        (9105, {"app": "rasa"}, "il2", False),
        (5005, PROMETHEUS, "monitoring", False),
        (5005, {"app": "nginx"}, "il2", True),
        (5005, {"app": "nginx"}, "default", False),
        (5005, {"app": "actions"}, "il2", False),
    ],
)
def test_prometheus_alone_reads_the_figures_and_reads_nothing_else(
    port: int, caller: dict[str, str], namespace: str, let: bool
) -> None:
    assert lets_in("rasa", port, caller, namespace) is let
    assert not lets_in("actions", port, caller, namespace)


def _rasa() -> dict[str, Any]:
    (container,) = next(pod for name, pod in pods() if name == "rasa")["containers"]
    return dict(container)


def test_a_worker_lives_while_it_answers_at_all_and_is_ready_while_it_answers_a_question() -> None:
    paths = {probe: _rasa()[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/health/live", "readiness": "/health/ready", "liveness": "/health/live"}
    assert "/health/ready'" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_the_figures_are_served_where_prometheus_looks() -> None:
    container = _rasa()
    told = {variable["name"]: variable.get("value") for variable in container["env"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert (told[metrics.HOST], told[metrics.PORT]) == ("0.0.0.0", str(ports["metrics"]))
    (service,) = [one for one in OBJECTS if one["kind"] == "Service" and one["metadata"]["name"] == "rasa"]
    assert {port["name"]: port["targetPort"] for port in service["spec"]["ports"]} == {
        "http": "http", "metrics": "metrics",
    }  # fmt: skip
    for name in ("rasa-1", "rasa-2"):
        environment = COMPOSE["services"][name]["environment"]
        assert (environment[metrics.HOST], environment[metrics.PORT]) == ("0.0.0.0", str(ports["metrics"]))


def test_the_migration_knows_where_every_part_is() -> None:
    """On a read-only disk it could not make the embedded default's files."""
    (job,) = next(pod for name, pod in pods() if name == "migrate")["containers"]
    there = {variable["name"] for variable in job["env"]}
    assert {"DATABASE_URL", "IL2_JOURNAL", "IL2_OUTBOX", "IL2_TEAM_DB"} <= there
    assert there <= {*COMPOSE["services"]["migrate"]["environment"]}
    with pytest.MonkeyPatch.context() as patch:
        for name in there:
            patch.setenv(name, "postgresql://shared/il2")
        assert {address for _, address in migrate.addresses()} == {"postgresql://shared/il2"}


def test_an_old_worker_goes_only_after_a_new_one_has_answered() -> None:
    (rasa,) = [one for one in OBJECTS if one["kind"] == "Deployment" and one["metadata"]["name"] == "rasa"]
    assert rasa["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (container,) = rasa["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert container["livenessProbe"]["httpGet"]["path"] != "/health"
    drain = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert rasa["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= drain + 15 + 10


def test_everything_is_named_in_the_kustomization() -> None:
    named = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))
    assert sorted(named["resources"]) == sorted(
        file.name for file in KUBERNETES.glob("*.yaml") if file.name != "kustomization.yaml"
    )
    assert clinics.load(KUBERNETES / "clinic.yml").demo


# -- compose ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_each_service_is_locked_down(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service or name == "nginx"
    health = service.get("healthcheck")
    assert health or name in ("rasa-1", "rasa-2"), "these have the image's own"


def test_the_shared_parts_are_not_reached_from_outside() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "redis", "rabbitmq"):
        assert COMPOSE["services"][name]["networks"] == ["inside"]


def test_the_figures_stay_on_a_network_of_their_own() -> None:
    assert COMPOSE["networks"]["metrics"] == {"internal": True}
    there = {name for name, service in COMPOSE["services"].items() if "metrics" in service["networks"]}
    assert there == {"rasa-1", "rasa-2"}
    assert not any("9105" in str(port) for service in COMPOSE["services"].values() for port in service.get("ports", []))
    assert "9105" not in (DEPLOY / "nginx.conf").read_text(encoding="utf-8")


def test_the_log_of_the_database_gets_no_statements() -> None:
    command = " ".join(COMPOSE["services"]["postgres"]["command"])
    for setting in cluster.QUIET:
        assert setting.replace(" ", "").replace("'", "") in command


def test_each_variable_is_in_the_example_and_no_secret_has_a_value() -> None:
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / "example.env").read_text(encoding="utf-8").splitlines()
        if "=" in line and not line.startswith("#")
    )
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert used <= set(example)
    assert not any(value for name, value in example.items() if "PASSWORD" in name or "SECRET" in name)


def test_the_image_gets_every_file_that_it_copies_and_no_other_data() -> None:
    kept = set(re.findall(r"^!(\S+)", Path(".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert all(Path(name).exists() for name in kept)
    assert {"bot", "actions", "data", "domain.yml", "config.yml", "endpoints.cluster.yml", "uv.lock"} <= kept
    assert not {"var", "models", ".git", "tests", "deploy/.env"} & kept


def test_what_goes_into_the_image_is_enough_to_train_and_is_what_is_trained_here(tmp_path: Path) -> None:
    for name in re.findall(r"^!(\S+)", Path(".dockerignore").read_text(encoding="utf-8"), re.MULTILINE):
        if Path(name).is_dir():
            shutil.copytree(name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif "*" not in name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, tmp_path / name)
    code = "from bot.runtime import train; train.check_content(); print(train.fingerprint())"
    runs = [
        subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
        for folder in (tmp_path, Path.cwd())
    ]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stdout == runs[1].stdout


def test_the_endpoints_use_only_variables_that_both_set() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", Path("endpoints.cluster.yml").read_text(encoding="utf-8")))
    assert used <= set(COMPOSE["services"]["rasa-1"]["environment"])


# -- nginx -----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_nginx_as_another_user_can_say_whom_to_call() -> None:
    nginx = front.find()
    if nginx is None:
        pytest.skip(front.HOW)
    # Not pytest's own folder, which is for this user alone.
    folder, port = Path(tempfile.mkdtemp(prefix="il2-nginx-")), free_port()
    folder.chmod(0o711)
    told = {
        "IL2_RASA_SERVERS": f"server 127.0.0.1:{free_port()};",
        "IL2_ACTION_SERVERS": f"server 127.0.0.1:{free_port()};",
        "IL2_ACTIONS_LISTEN": f"127.0.0.1:{free_port()}", "IL2_NGINX_LISTEN": f"127.0.0.1:{port}",
        "IL2_NGINX_LOG": "/dev/null", "IL2_NGINX_TLS": str(folder / "tls"),
    }  # fmt: skip
    write = "from bot import secret; secret.keep_to_this_user(); from bot.runtime import front; front.main()"
    try:
        subprocess.run(
            [sys.executable, "-c", write, str(folder), "--all"], env={**os.environ, **told}, check=True, umask=0o077
        )
        command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off; user nobody nogroup;"]
        with subprocess.Popen(command) as process:
            try:
                limit = time.monotonic() + 10
                while True:
                    try:
                        body = {"sender": "anna", "message": "x" * 15_000}
                        answer = httpx.post(f"http://127.0.0.1:{port}/webhooks/rest/webhook", json=body)
                        break
                    except httpx.TransportError:
                        assert time.monotonic() < limit
                        time.sleep(0.1)
            finally:
                process.terminate()
        assert answer.status_code == 503
        assert answer.json()["contact"]["emergency"]
    finally:
        shutil.rmtree(folder)


def values(source: str) -> dict[str, str]:
    """What `front` is told, with names that resolve here."""
    if source == "compose":
        told = COMPOSE["services"]["front"]["environment"]
    else:
        (pod,) = [pod for name, pod in pods() if name == "nginx"]
        told = {variable["name"]: variable["value"] for variable in pod["initContainers"][0]["env"]}
    return {name: re.sub(r"server [\w-]+:", "server 127.0.0.1:", str(value)) for name, value in told.items()}


@pytest.mark.parametrize("source", ["compose", "kubernetes"])
@pytest.mark.parametrize("tls", [False, True])
def test_nginx_takes_the_configuration(source: str, tls: bool, tmp_path: Path) -> None:
    nginx = front.find()
    if nginx is None:
        pytest.skip(front.HOW)
    certificate = tmp_path / "tls"
    certificate.mkdir()
    if tls:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1",
             "-keyout", certificate / "tls.key", "-out", certificate / "tls.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
        text = (DEPLOY / "tls.conf").read_text(encoding="utf-8").replace("/etc/il2/tls", str(certificate))
        (certificate / "tls.conf").write_text(text, encoding="utf-8")
    log = {"IL2_NGINX_LOG": str(tmp_path / "access.log"), "IL2_NGINX_TLS": str(certificate)}
    front.write(tmp_path, {**values(source), **log})
    done = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "${IL2" not in (tmp_path / "nginx.conf").read_text()
    assert ("8443" in subprocess.run([nginx, "-T", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
            .stdout) == tls  # fmt: skip
