"""Real servers as child processes: MiniStack (S3, SQS and events between them) and SeaweedFS (a strict S3)."""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aws.child import Command
from aws.processes import Probe, Server, free_ports, plain_environment
from tonari_tools.serve.listener import HOST, LocalServiceError

REGION = "us-east-1"
MINISTACK_GRACE = 1.5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a local AWS answers, and the credentials that it takes."""

    url: str
    access_key: str
    secret_key: str
    region: str = REGION

    def environment(self) -> dict[str, str]:
        """Give the variables that point any AWS SDK here and nowhere else, provided that no other ``AWS_*`` is set."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


class MiniStack:
    """MiniStack, with its state kept in a folder.

    Parameters
    ----------
    folder
        State, objects and log; created if need be. A second start finds what the first left.
    port
        Port on 127.0.0.1, 0 for any that is free.
    program
        The ``ministack`` program; by default the one in the environment of its own under this one's prefix.

    Raises
    ------
    LocalServiceError
        If the program is missing, the port is in use, or no answer comes within a minute.
    """

    def __init__(self, folder: Path, *, port: int = 0, program: Path | None = None) -> None:
        program = _require(program or Path(sys.prefix) / "services" / "bin" / "ministack", "make .venv/.services")
        folder = folder.resolve()
        (temporary := folder / "tmp").mkdir(parents=True, exist_ok=True)
        port = port or free_ports(1)[0]
        self.endpoint = Endpoint(f"http://{HOST}:{port}", "test", "test")
        environment = plain_environment() | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(port),
            "SERVICES": "s3,sqs,sns,events,lambda,states",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
            "TMPDIR": str(temporary),
            "LOG_LEVEL": "WARNING",
            "SFN_WAIT_SCALE": "0.01",
        }
        command = Command([str(program)], environment, folder, folder / "log")
        self._server = Server(command, Probe(port, "/_ministack/health", (200,)), grace=MINISTACK_GRACE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._server.alive

    def stop(self) -> None:
        """End the server; it saves its state first."""
        self._server.stop()


class SeaweedFS:
    """SeaweedFS's S3 server: signatures and conditional writes are real.

    Parameters
    ----------
    folder
        Data, log and configuration; created if need be.
    program
        The ``weed`` program; by default the one beside this interpreter.

    Raises
    ------
    LocalServiceError
        If the program is missing or no answer comes within a minute.
    """

    def __init__(self, folder: Path, *, program: Path | None = None) -> None:
        program = _require(program or Path(sys.prefix) / "bin" / "weed", "make .venv/.dev")
        folder = folder.resolve()
        (data := folder / "data").mkdir(parents=True, exist_ok=True)
        names = ("s3.port", "master.port", "volume.port", "filer.port", "admin.port")
        options = (*names, *(f"{name}.grpc" for name in names))
        numbers = dict(zip(options, free_ports(len(options)), strict=True))
        access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
        config = folder / "s3.json"
        credentials = [{"accessKey": access_key, "secretKey": secret_key}]
        identities = [{"name": "local", "credentials": credentials, "actions": ["Admin"]}]
        config.write_text(json.dumps({"identities": identities}), encoding="utf-8")
        self.endpoint = Endpoint(f"http://{HOST}:{numbers['s3.port']}", access_key, secret_key)
        arguments = [
            str(program),
            "mini",
            "-volume.max=1000",
            f"-dir={data}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            f"-s3.config={config}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-admin.ui=false",
            "-webdav=false",
            *(f"-{name}={number}" for name, number in numbers.items()),
        ]
        self._command = Command(arguments, plain_environment(), folder, folder / "log")
        self._probe = Probe(numbers["s3.port"], "/", (200, 403))
        self._server = Server(self._command, self._probe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server, by SIGKILL."""
        self._server.stop()

    def restart(self) -> None:
        """Kill the server and start it again, with its data, on the same ports."""
        self.stop()
        self._server = Server(self._command, self._probe)


def _require(program: Path, remedy: str) -> Path:
    if not program.is_file():
        raise LocalServiceError(f"{program} is missing. Install it with: {remedy}")
    return program
