"""What to do when S3 refuses, or nobody answers: by the code of its answer, or by the kind of botocore's error."""

from __future__ import annotations

from collections.abc import Mapping

SIGN_IN = "Sign in again (`aws sso login`, or whatever gives you credentials); AWS_PROFILE chooses between profiles."
REGION = "The bucket lies in another region, or the server calls its region otherwise: set AWS_REGION to that one."
WHO = "`aws sts get-caller-identity` shows whose credentials are used; AWS_PROFILE and AWS_ACCESS_KEY_ID choose them."
NETWORK = "Is a server running there? Check --endpoint-url, AWS_ENDPOINT_URL, AWS_REGION and the network."
TLS = "Check the URL (http or https?) and AWS_CA_BUNDLE, which names the certificates that are trusted."

OF_CODES: Mapping[str, str] = {
    "ExpiredToken": SIGN_IN,
    "ExpiredTokenException": SIGN_IN,
    "TokenRefreshRequired": SIGN_IN,
    "RequestExpired": SIGN_IN,
    "InvalidToken": SIGN_IN,
    "InvalidAccessKeyId": f"The server does not know this access key. {WHO}",
    "SignatureDoesNotMatch": f"The secret key is not the one of this access key. {WHO}",
    "AccessDenied": f"These credentials may not do that (docs/deploy.md has the permissions). {WHO}",
    "403": f"These credentials may not do that (docs/deploy.md has the permissions). {WHO}",
    "RequestTimeTooSkewed": "This machine's clock is wrong by more than a quarter of an hour: set it.",
    "PermanentRedirect": REGION,
    "301": REGION,
    "AuthorizationHeaderMalformed": REGION,
    "IllegalLocationConstraintException": REGION,
}
OF_KINDS: Mapping[str, str] = {
    "ProfileNotFound": "`aws configure list-profiles` shows which there are: set AWS_PROFILE to one, or unset it.",
    "ConfigParseError": "Correct that file, or name another one by AWS_CONFIG_FILE.",
    "NoCredentialsError": "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`.",
    "PartialCredentialsError": "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither.",
    "CredentialRetrievalError": SIGN_IN,
    "SSOError": SIGN_IN,
    "TokenRetrievalError": SIGN_IN,
    "LoginError": SIGN_IN,
    "NoRegionError": "Set AWS_REGION, such as eu-west-1.",
    "InvalidRegionError": "Set AWS_REGION, such as eu-west-1.",
    "ProxyConnectionError": "The proxy of HTTPS_PROXY or HTTP_PROXY does not answer; NO_PROXY lists hosts without one.",
    "SSLError": TLS,
    "HTTPClientError": NETWORK,
    "ConnectionError": NETWORK,
    "ParamValidationError": "Check the bucket's name.",
    "EndpointResolutionError": "An endpoint is a URL such as http://127.0.0.1:9000.",
}
"""By the name of a class of botocore, which stands for those derived from it too."""


def remedy_for(kind: type[Exception]) -> str:
    """Give what to do about an error of botocore, empty if nothing is known."""
    return next((OF_KINDS[one.__name__] for one in kind.__mro__ if one.__name__ in OF_KINDS), "")
