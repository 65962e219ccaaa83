"""`config/kubernetes` fits the program, the image and itself.

`ISHOWTTS` names the binary; else the one that `cargo build` leaves is taken.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "config/kubernetes"
BINARY = os.environ.get("ISHOWTTS", str(ROOT / "target/debug/ishowtts"))
# The labels by which everything finds the server's pods.
PODS = {"app.kubernetes.io/name": "ishowtts"}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def one(name: str) -> Any:
    (document,) = documents(name)
    return document


def found(pattern: str, text: str) -> str:
    (match,) = re.findall(pattern, text, re.MULTILINE)
    return str(match)


def seconds(pattern: str, text: str) -> int:
    return int(found(pattern, text))


def kustomization() -> Any:
    return one("kustomization.yaml")


def deployment() -> Any:
    return one("deployment.yaml")["spec"]


def pod() -> Any:
    return deployment()["template"]["spec"]


def container() -> Any:
    (only,) = pod()["containers"]
    return only


def settings() -> str:
    return read("config/kubernetes/ishowtts.toml")


def mounts() -> dict[str, str]:
    """Where each volume is mounted."""
    return {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}


def ports() -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container()["ports"]}


def probes() -> dict[str, Any]:
    return {kind: container()[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}


def parts(name: str) -> set[str]:
    return {f"{document['kind']}/{document['metadata']['name']}" for document in documents(name)}


def manifests() -> list[str]:
    """Every file that is sent to a cluster."""
    others = ("kustomization.yaml", "prometheus-adapter.yaml")
    return sorted(path.name for path in FOLDER.glob("*.yaml") if path.name not in others)


def test_every_manifest_is_one_and_is_applied_or_explained() -> None:
    seen: set[str] = set()
    for name in manifests():
        for document in documents(name):
            assert document["apiVersion"] and document["kind"], name
        assert not seen & parts(name), f"{name}: is there already"
        seen |= parts(name)
    applied = set(kustomization()["resources"])
    assert applied <= set(manifests())
    page = read("docs/kubernetes.md")
    for name in set(manifests()) - applied:
        assert f"config/kubernetes/{name}" in page, f"nobody applies {name}, and no page tells how"


def test_the_program_takes_the_configuration(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"home-assistant sha256:{'0' * 64}\n", encoding="utf-8")
    file = tmp_path / "ishowtts.toml"
    text = settings()
    # What is looked for, and is there in a pod alone.
    for key, there in (("keys_file", str(keys)), ("python", sys.executable)):
        text = text.replace(found(rf'^{key} = "(.+)"', text), there)
    file.write_text(text, encoding="utf-8")
    command = [BINARY, "--config", str(file), "--state-dir", str(tmp_path), "check-config"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert re.search(r"access: .*API key", told.stdout), "a service that is open to everybody"
    for line, port in (("listen", ports()["http"]), ("wyoming", ports()["wyoming"])):
        assert re.search(rf"^{line}: +0\.0\.0\.0:{port}$", told.stdout, re.MULTILINE), told.stdout
    # The card that the pod is given, and no other.
    assert re.search(r"^engine f5: on, .* on cuda:0\b", told.stdout, re.MULTILINE), told.stdout
    assert container()["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_ports_are_the_programs_own_and_the_service_leads_to_them() -> None:
    usual = read("config/ishowtts.toml")
    http, wyoming = re.findall(r'^listen = "127\.0\.0\.1:(\d+)"', usual, re.MULTILINE)
    assert ports() == {"http": int(http), "wyoming": int(wyoming)}
    service = one("service.yaml")["spec"]
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == ports()
    policy = one("network.yaml")["spec"]
    opened = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert opened == set(ports())
    (guarded,) = (rule for rule in policy["ingress"] if rule["ports"][0]["port"] == "wyoming")
    assert guarded["from"], "Wyoming asks for no key"


def test_probes_ask_for_routes_that_there_are() -> None:
    table = read("supervisor/src/surface/mod.rs")
    starting, running = table.split("pub fn router", 1)
    for kind, probe in probes().items():
        asked = probe["httpGet"]
        assert f'.route("{asked["path"]}", get(' in running, kind
        assert asked["port"] in ports(), kind
    # What is answered while environments are being made, and must not end the process.
    for kind in ("startup", "liveness"):
        assert f'.route("{probes()[kind]["httpGet"]["path"]}"' in starting, kind
    # 503 while the server drains or an engine is away: a reason to send nobody, and none to restart.
    assert probes()["readiness"]["httpGet"]["path"] == "/readyz"
    (endpoint,) = one("podmonitor.yaml")["spec"]["podMetricsEndpoints"]
    assert f'.route("{endpoint["path"]}", get(' in running and endpoint["port"] in ports()


def test_a_pod_is_given_the_time_that_its_server_takes_to_end() -> None:
    stop = container()["lifecycle"]["preStop"]["exec"]["command"]
    assert stop[0] == "/bin/sleep"
    grace = seconds(r"^grace_s = (\d+)", settings())
    leaving = seconds(
        r"^const LEAVING: Duration = Duration::from_secs\((\d+)\)", read("supervisor/src/app/mod.rs")
    )
    needed = int(stop[1]) + grace + leaving
    assert needed < pod()["terminationGracePeriodSeconds"] <= needed + 30
    # Nobody finds out later than this that a pod is going, if he has not heard it from Kubernetes.
    readiness = probes()["readiness"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] <= int(stop[1])


def test_the_image_is_the_one_that_is_built() -> None:
    (image,) = kustomization()["images"]
    assert container()["image"] == image["name"]
    assert f"-t {image['name']} ." in read("docs/packaging.md")
    derived = read("config/kubernetes/Containerfile")
    assert found(r"^ARG IMAGE=(\S+)", derived) == image["name"]
    for text in (derived, read("docs/kubernetes.md")):
        assert f"-t {image['newName']}:{image['newTag']} ." in text
    containerfile = read("Containerfile")
    # tini reaps what workers leave, so the entry point has to stay.
    assert "command" not in container()
    assert found(r"^CMD (.+)", containerfile) == str(container()["args"]).replace("'", '"')
    user = seconds(r"--uid (\d+)", containerfile)
    for security in (pod()["securityContext"], one("load-models.yaml")["spec"]["securityContext"]):
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == user
    assert found(r'^version = "(.+)"', read("Cargo.toml")) == image["newTag"]


def test_the_environment_that_the_image_brings_is_the_one_that_is_configured() -> None:
    derived = read("config/kubernetes/Containerfile")
    engine = found(r"ishowtts setup --engine (\S+)", derived)
    table = settings().split(f"[engines.{engine}]", 1)[1]
    link = found(rf"ln -s \S+/environments/{engine}-\* (\S+)", derived)
    assert found(r'^python = "(.+)"', table) == f"{link}/bin/python"
    home = found(r"STATE_DIRECTORY=(\S+)", derived)
    assert link.startswith(f"{home}/")
    assert not any(home.startswith(path) or path.startswith(home) for path in mounts().values())


def test_what_is_mounted_is_there_and_what_is_there_is_mounted() -> None:
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert set(mounts()) == set(volumes)
    (claim,) = documents("models.yaml")
    for spec in (pod(), one("load-models.yaml")["spec"]):
        (models,) = (volume for volume in spec["volumes"] if volume["name"] == "models")
        assert models["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        places = {mount["mountPath"] for it in spec["containers"] for mount in it["volumeMounts"]}
        assert mounts()["models"] in places
    (config,) = kustomization()["configMapGenerator"]
    assert volumes["config"]["configMap"]["name"] == config["name"]
    assert config["files"] == ["ishowtts.toml"] and mounts()["config"] == "/etc/ishowtts"
    (secret,) = kustomization()["secretGenerator"]
    assert volumes["keys"]["secret"]["secretName"] == secret["name"]
    (file,) = secret["files"]
    assert found(r'^keys_file = "(.+)"', settings()) == f"{mounts()['keys']}/{file}"
    assert f"/config/kubernetes/{file}\n" in read(".gitignore")
    for path in re.findall(r'^(?:# )?(?:checkpoint|vocoder|reference) = "(.+)"', settings(), re.MULTILINE):
        assert path.startswith(f"{mounts()['models']}/"), path


def test_the_server_can_write_where_it_does_and_nowhere_else() -> None:
    written = {volume["name"] for volume in pod()["volumes"] if "emptyDir" in volume}
    places = {mounts()[name] for name in written}
    containerfile = read("Containerfile")
    needed = {found(rf"{name}=(\S+)", containerfile) for name in ("STATE_DIRECTORY", "CACHE_DIRECTORY")}
    (runtime,) = (it["value"] for it in container()["env"] if it["name"] == "RUNTIME_DIRECTORY")
    assert places == {*needed, runtime, "/tmp"}
    for mount in container()["volumeMounts"]:
        assert mount.get("readOnly", False) != (mount["name"] in written), mount["name"]
    disk = sum(
        int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi"))
        for volume in pod()["volumes"]
        if "emptyDir" in volume and volume["emptyDir"].get("medium") != "Memory"
    )
    assert disk < int(container()["resources"]["limits"]["ephemeral-storage"].removesuffix("Gi"))


@pytest.mark.parametrize("name", ["deployment.yaml", "load-models.yaml"])
def test_pods_ask_for_no_more_than_the_namespace_lets_them(name: str) -> None:
    labels = one("namespace.yaml")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert one("namespace.yaml")["metadata"]["name"] == kustomization()["namespace"]
    spec = one(name)["spec"]
    spec = spec["template"]["spec"] if "template" in spec else spec
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for it in spec["containers"]:
        assert it["securityContext"]["allowPrivilegeEscalation"] is False
        assert it["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    kinds = {next(key for key in volume if key != "name") for volume in spec["volumes"]}
    assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}


def test_whatever_looks_for_the_pods_finds_them() -> None:
    labels = deployment()["template"]["metadata"]["labels"]
    for selector in (
        deployment()["selector"]["matchLabels"],
        one("service.yaml")["spec"]["selector"],
        one("disruption.yaml")["spec"]["selector"]["matchLabels"],
        one("network.yaml")["spec"]["podSelector"]["matchLabels"],
        one("podmonitor.yaml")["spec"]["selector"]["matchLabels"],
        *(it["labelSelector"]["matchLabels"] for it in pod()["topologySpreadConstraints"]),
    ):
        assert selector == labels == PODS
    # Requests must not come to a pod that only copies files.
    assert not set(PODS.items()) & set(one("load-models.yaml")["metadata"].get("labels", {}).items())
    target = one("autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert f"{target['kind']}/{target['name']}" in parts("deployment.yaml")
    assert "replicas" not in deployment(), "it would win over the autoscaler each time that it is applied"


def test_the_autoscaler_asks_for_a_metric_that_there_is() -> None:
    spec = one("autoscaler.yaml")["spec"]
    (metric,) = spec["metrics"]
    name = metric["pods"]["metric"]["name"]
    families = re.findall(r"^\| `(ishowtts_\w+)` \| ([^|]+) \|", read("docs/api.md"), re.MULTILINE)
    assert (name, "device") in families
    good = found(rf"`{name}`.* \| below (0\.\d+) \|", read("docs/tuning.md"))
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": f"{float(good) * 1000:.0f}m"}
    (rule,) = one("prometheus-adapter.yaml")["rules"]["custom"]
    assert rule["name"] == {"matches": f"^{name}$", "as": name}
    assert rule["seriesQuery"].startswith(f"{name}{{")
    assert rule["metricsQuery"].startswith("max by"), "the busiest device tells how busy the pod is"
    # More than one may never leave at once, so one has to be left.
    assert spec["minReplicas"] > one("disruption.yaml")["spec"]["maxUnavailable"]


def test_alerts_and_dashboard_know_the_job() -> None:
    monitor = one("podmonitor.yaml")["spec"]
    job = deployment()["template"]["metadata"]["labels"][monitor["jobLabel"]]
    assert f'up{{job="{job}"}}' in read("config/prometheus/alerts.yml")
    credentials = monitor["podMetricsEndpoints"][0]["authorization"]["credentials"]
    page = read("docs/kubernetes.md")
    assert f"secret generic {credentials['name']} --from-literal={credentials['key']}=" in page
