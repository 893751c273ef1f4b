"""A program that gets tokens, looks into them, takes them back and checks them offline with Authlib."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6750.errors import InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from authlib.oauth2.rfc9068.claims import JWTAccessTokenClaims
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

base = os.environ["BASE_URL"]
metadata = requests.get(f"{base}/.well-known/oauth-authorization-server").json()
AuthorizationServerMetadata(metadata).validate()


class Validator(JWTBearerTokenValidator):
    """A resource server that checks tokens by itself, with what is published."""

    def get_jwks(self) -> dict:
        return requests.get(metadata["jwks_uri"]).json()

    # Authlib's own takes the algorithms that need no mention in joserfc, EdDSA not among them, and lets none be named.
    def authenticate_token(self, token: str) -> JWTAccessTokenClaims:
        keys = KeySet.import_key_set(self.get_jwks())
        found = jwt.decode(token, keys, algorithms=["EdDSA"])
        essential = {name: {"essential": True} for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]}
        essential["iss"]["value"] = self.issuer
        essential["aud"]["value"] = self.resource_server
        return JWTAccessTokenClaims(found.claims, found.header, essential)


def session(method: str, **more: str) -> OAuth2Session:
    return OAuth2Session(
        os.environ["ACCESS_KEY"],
        more.pop("secret", os.environ["SECRET_KEY"]),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        token_endpoint=metadata["token_endpoint"],
        grant_type="client_credentials",
        **more,
    )


@contextmanager
def fails(name: str, kind: type[Exception]) -> Iterator[SimpleNamespace]:
    """Fails unless what is done in it does, in this way."""
    refused = SimpleNamespace(error=None)
    try:
        yield refused
    except kind as error:
        refused.error = error
    else:
        raise AssertionError(f"{name}: nothing was refused")


def check(token: str, *scopes: str, audience: str = "default", issuer: str = metadata["issuer"]):
    validator = Validator(issuer, audience)
    found = validator.authenticate_token(token)
    validator.validate_token(found, list(scopes), None)
    return found


def active(client: OAuth2Session, token: str) -> dict:
    answer = client.introspect_token(metadata["introspection_endpoint"], token=token, token_type_hint="access_token")
    assert answer.status_code == 200, answer.text
    return answer.json()


methods = metadata["token_endpoint_auth_methods_supported"]
assert sorted(methods) == ["client_secret_basic", "client_secret_post"], methods
for method in methods:
    with session(method, scope="contacts:read") as client:
        token = client.fetch_token()
        assert (token["token_type"], token["scope"]) == ("Bearer", "contacts:read"), token
        access = token["access_token"]

        # Offline.
        found = check(access, "contacts:read")
        assert found["client_id"] == os.environ["KEY_ID"] and found["scope"] == "contacts:read", found
        with fails("a scope that it has not", InsufficientScopeError):
            check(access, "contacts:update")
        with fails("for another audience", InvalidTokenError):
            check(access, audience="billing")
        with fails("of another issuer", InvalidTokenError):
            check(access, issuer="https://other.example")
        header, body, signature = access.split(".")
        with fails("with another's signature", BadSignatureError):
            check(f"{header}.{body}.{client.fetch_token()['access_token'].split('.')[2]}")

        # A resource server with a key of its own looks into it, and Authlib calls with it, until it is taken back.
        with session(method) as host:
            host.client_id, host.client_secret = os.environ["HOST_ACCESS_KEY"], os.environ["HOST_SECRET_KEY"]
            said = active(host, access)
            expected = {
                "active": True,
                "scope": "contacts:read",
                "client_id": os.environ["KEY_ID"],
                "aud": "default",
                "exp": found["exp"],
            }
            assert expected.items() <= said.items(), said
            client.token = token
            assert client.get(f"{base}/api/v1/me").status_code == 200
            taken = client.revoke_token(metadata["revocation_endpoint"], token=access, token_type_hint="access_token")
            assert taken.status_code == 200, taken.text
            assert active(host, access) == {"active": False}
            assert client.get(f"{base}/api/v1/me").status_code == 401
            assert active(host, "nonsense") == {"active": False}
        # What offline checking cannot know.
        check(access, "contacts:read")

    with session(method, scope="users:delete") as client, fails("more than the key has", OAuthError) as refused:
        client.fetch_token()
    assert refused.error.error == "invalid_scope", refused.error
    with session(method, secret="wrong") as client, fails("a wrong secret", OAuthError) as refused:
        client.fetch_token()
    assert refused.error.error == "invalid_client", refused.error
    # How a resource server may authenticate is what the metadata says.
    with session(method) as host:
        host.client_id, host.client_secret = os.environ["HOST_ACCESS_KEY"], os.environ["HOST_SECRET_KEY"]
        answer = host.introspect_token(metadata["introspection_endpoint"], token="nonsense")
        assert method in metadata["introspection_endpoint_auth_methods_supported"]
        assert answer.status_code == 200, f"{method}: {answer.status_code} {answer.text}"
print(f"worked with {' '.join(methods)}")
