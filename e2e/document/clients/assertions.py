"""A program that signs in with PyJWT: as it should, and in the ways of somebody who has a key and no good intent."""

import base64
import json
import os
import time
import uuid

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

base = os.environ["BASE_URL"]
issuer = os.environ["ISSUER"]
secret = os.environ["SHARED_SECRET"]
key = os.environ["KEY"]
http = requests.Session()


def claims(**more: object) -> dict:
    return {
        "iat": int(time.time()),
        "jti": str(uuid.uuid4()),
        "appname": os.environ["APP_NAME"],
        "appkey": key,
        "shortname": os.environ["SHORTNAME"],
        **more,
    }


def signed(said: dict, by: str = secret, algorithm: str = "HS256") -> str:
    return jwt.encode(said, by, algorithm=algorithm)


def sign_in(assertion: str, by: requests.Session = http) -> requests.Response:
    return by.post(f"{base}/api/v1/auth/token", json={"jwt": assertion})


def refresh(token: str) -> requests.Response:
    return http.post(f"{base}/api/auth/bearer/refresh", data={"refresh_token": token})


def call(token: str) -> int:
    return http.get(f"{base}/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code


def refused(name: str, answer: requests.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, f"{name}: {answer.status_code} {answer.text[:300]}"
    said = answer.json()
    assert said["status"] == answer.status_code and said["name"] and said["message"], f"{name}: {said}"
    assert "access_token" not in said, name


def part_of(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def part(value: dict) -> str:
    return part_of(json.dumps(value).encode())


# As it should.
answer = sign_in(signed(claims()))
assert answer.status_code == 200, answer.text
tokens = answer.json()
assert (tokens["token_type"], tokens["not-before-policy"]) == ("bearer", 0), tokens
expected = {"expires_in", "refresh_token", "refresh_expires_in", "id_token", "session-state", "scope"}
assert expected <= tokens.keys(), tokens.keys()
assert call(tokens["access_token"]) == 200

# What came back is checked with the published keys alone, by PyJWT too.
published = jwt.PyJWKClient(f"{base}/oauth/jwks.json")
for name, typ in [("access_token", "at+jwt"), ("id_token", "JWT")]:
    token = tokens[name]
    assert jwt.get_unverified_header(token)["typ"] == typ, name
    by = published.get_signing_key_from_jwt(token)
    options = {"require": ["exp", "iat", "iss", "aud", "sub", "jti"]}
    # `aud` of an identity token is the client, whose id the access token says.
    about = jwt.decode(token, by, algorithms=["EdDSA"], issuer=issuer, options={**options, "verify_aud": False})
    if name == "access_token":
        assert jwt.decode(token, by, algorithms=["EdDSA"], issuer=issuer, audience="default", options=options) == about
        assert about["exp"] - about["iat"] == tokens["expires_in"] and about["client_id"] == os.environ["KEY_ID"], about
try:
    jwt.decode(tokens["access_token"], secret, algorithms=["HS256"], audience="default")
    raise AssertionError("the shared secret signs no access token")
except jwt.InvalidAlgorithmError:
    pass

# Refreshing, and what is refused there: clients take 400 for the sign to sign in again.
again = refresh(tokens["refresh_token"])
assert again.status_code == 200 and call(again.json()["access_token"]) == 200, again.text
for name, token in [
    ("an access token", tokens["access_token"]),
    ("nothing", ""),
    ("no token", "x"),
    ("1 MB", "x" * 1_000_000),
]:
    refused(f"refresh: {name}", refresh(token), 400)
refused("refresh: cut off", refresh(tokens["refresh_token"][:-2]), 400)
refused("refresh: signed by the shared secret", refresh(signed(claims())), 400)
assert call(tokens["refresh_token"]) == 401, "a refresh token is to refresh with"

# The hostile client.
now = int(time.time())
once = signed(claims())
assert sign_in(once).status_code == 200
said = jwt.decode(once, options={"verify_signature": False})
good = signed(claims())
header, body, signature = good.split(".")
own_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
public = published.get_signing_keys()[0]
# PyJWT itself takes a secret for no key of RSA: this is what its HS256 signs under the other name.
by_secret = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
confused = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims())}"
hostile = {
    "used before": once,
    "its jti again, in another JWT": signed({**claims(), "jti": said["jti"]}),
    "alg none": jwt.encode(claims(), None, algorithm="none"),
    "alg none over a right signature": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.{signature}",
    "RS256 with the secret as its key": f"{confused}.{part_of(by_secret.sign(confused.encode(), secret.encode()))}",
    "RS256 over the signature of HS256": f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{body}.{signature}",
    "RS256 by a key of its own": jwt.encode(claims(), own_rsa, algorithm="RS256"),
    "RS256 with its key in the header": jwt.encode(
        claims(),
        own_rsa,
        algorithm="RS256",
        headers={"jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own_rsa.public_key()))},
    ),
    "HS256 with a published key as its secret": signed(claims(), part_of(public.key.public_bytes_raw())),
    "HS384": signed(claims(), algorithm="HS384"),
    "HS512": signed(claims(), algorithm="HS512"),
    "another secret": signed(claims(), f"{secret}x"),
    "the key for a secret": signed(claims(), key),
    "stale": signed(claims(iat=now - 400)),
    "from the future": signed(claims(iat=now + 400)),
    "without iat": signed({name: value for name, value in claims().items() if name != "iat"}),
    "without jti": signed({name: value for name, value in claims().items() if name != "jti"}),
    "expired": signed(claims(exp=now - 1)),
    "of nowhere": signed(claims(shortname="nowhere")),
    "of an organization that the key does not reach": signed(claims(shortname=os.environ["OTHER_SHORTNAME"])),
    "of another name": signed(claims(appname=os.environ["APP_NAME"].upper())),
    "without a key": signed(claims(appkey="")),
    "of a key that is none": signed(claims(appkey=f"{key[:-1]}{'1' if key[-1] == '0' else '0'}")),
    "cut off": good[:-1],
    "cut in half": good[: len(good) // 2],
    "without signature": f"{header}.{body}.",
    "an access token": tokens["access_token"],
    "nothing": "",
    "just below 1 MB": signed(claims(more="x" * 740_000)),
}
for name, assertion in hostile.items():
    refused(name, sign_in(assertion), 401)
# On a connection of its own: the service ends it then, without saying so, and the next request on it could be lost.
refused("1 MB", sign_in(signed(claims(more="x" * 1_000_000)), requests.Session()), 413)

# What was refused used nothing up, and what is just within the time is taken.
for assertion in [good, signed(claims(iat=int(time.time()) - 290)), signed(claims(iat=int(time.time()) + 290))]:
    answer = sign_in(assertion)
    assert answer.status_code == 200, answer.text

# With the key goes what was got with it.
admin = {"Authorization": f"Bearer {os.environ['ADMIN_KEY']}"}
at = f"{base}/api/v1/organizations/{os.environ['ORGANIZATION_ID']}/keys/{os.environ['KEY_ID']}"
deleted = http.post(f"{at}/revoke", json={}, headers=admin)
assert deleted.status_code == 200, deleted.text
assert call(tokens["access_token"]) == 401
refused("refresh: of a deleted key", refresh(tokens["refresh_token"]), 400)
refused("of a deleted key", sign_in(signed(claims())), 401)
print(f"refused {len(hostile)} and more")
