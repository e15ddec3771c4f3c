"""Requests signed with AWS Signature Version 4 [AWS, Signature Version 4 signing process]; loads botocore."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from tonari.errors import EngineUnavailableError


class Signer:
    """Signs with the credentials that AWS's own programs would find in this environment.

    Parameters
    ----------
    region
        Of the domain.
    service
        ``es`` for a domain of OpenSearch Service, ``aoss`` for OpenSearch Serverless.
    """

    def __init__(self, region: str, service: str) -> None:
        self._region, self._service = region, service
        self._session = Session()

    def headers(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """Give a request's headers, and those that sign it and them.

        Raises
        ------
        EngineUnavailableError
            If there are no credentials.
        """
        hashed = {**headers, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        request = AWSRequest(method=method, url=url, data=body, headers=hashed)
        try:
            credentials = self._session.get_credentials()
            if credentials is None:
                raise EngineUnavailableError(
                    "Requests to the search engine are to be signed, and there are no AWS credentials here: give the "
                    "function a role, or this machine a profile."
                )
            SigV4Auth(credentials.get_frozen_credentials(), self._service, self._region).add_auth(request)
        except BotoCoreError as error:
            raise EngineUnavailableError(f"No request to the search engine can be signed: {error}") from error
        return {str(name): str(value) for name, value in request.headers.items()}
