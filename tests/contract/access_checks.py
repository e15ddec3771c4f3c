"""Who may do what: each check lists what it objects to."""

from __future__ import annotations

from contract.expansion import Template, granted, grants, of_type
from tonari.contract import routes

READING = {f"{route.method} {route.path}" for route in routes.READING}
READING |= {key.replace("GET", "HEAD", 1) for key in READING if key.startswith("GET ")}
WRITING = {f"{route.method} {route.path}" for route in routes.WRITING}

# Who may change which objects.
CHANGES_S3 = {
    "QueryFunctionRole": {("s3:PutObject", "${ArtefactBucket.Arn}/uploads/*")},
    "ItemsFunctionRole": {
        ("s3:PutObject", "${CatalogueBucket.Arn}/items/*"),
        ("s3:PutObject", "${CatalogueBucket.Arn}/images/*"),
        ("s3:DeleteObject", "${CatalogueBucket.Arn}/items/*"),
        ("s3:DeleteObject", "${CatalogueBucket.Arn}/images/*"),
    },
    "ReindexFunctionRole": {
        ("s3:PutObject", "${ArtefactBucket.Arn}/head.json"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/head.copy.json"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/segments/*"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/work/*"),
        ("s3:DeleteObject", "${ArtefactBucket.Arn}/work/*"),
    },
    "RebuildFunctionRole": {
        ("s3:PutObject", "${ArtefactBucket.Arn}/head.json"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/head.copy.json"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/segments/*"),
        ("s3:DeleteObject", "${ArtefactBucket.Arn}/segments/*"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/snapshots/*"),
        ("s3:DeleteObject", "${ArtefactBucket.Arn}/snapshots/*"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/work/*"),
        ("s3:DeleteObject", "${ArtefactBucket.Arn}/work/*"),
        ("s3:PutObject", "${ArtefactBucket.Arn}/refusals/*"),
        ("s3:DeleteObject", "${ArtefactBucket.Arn}/refusals/*"),
    },
}


def wide_grants(template: Template) -> list[str]:
    return [
        f"{name} allows {action} on {resource}"
        for name, role in of_type(template, "AWS::IAM::Role").items()
        for action, resource in grants(role)
        if "*" in action or resource == "*"
    ] + [
        f"{name} allows {action} on {resource}"
        for name, policy in of_type(template, "AWS::IAM::Policy").items()
        for action, resource in granted(policy)
        if "*" in action or resource == "*"
    ]


def _managed(name: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::aws:policy/service-role/{name}"}


IN_A_VPC = {"Fn::If": ["HasVpc", _managed("AWSLambdaVPCAccessExecutionRole"), {"Ref": "AWS::NoValue"}]}


def foreign_policies(template: Template) -> list[str]:
    return [
        f"{name} carries {arn}"
        for name, role in of_type(template, "AWS::IAM::Role").items()
        for arn in role.get("ManagedPolicyArns", [])
        if arn not in (_managed("AWSLambdaBasicExecutionRole"), IN_A_VPC)
    ]


# What each function reads beside the catalogue: the head, and objects under these prefixes.
SNAPSHOT = {"head.json", "head.copy.json", "encoders/*", "snapshots/*", "segments/*"}
READS_ARTEFACTS = {
    "QueryFunctionRole": SNAPSHOT | {"refusals/*", "uploads/*"},
    "ItemsFunctionRole": SNAPSHOT,
    "ReindexFunctionRole": SNAPSHOT | {"refusals/*", "work/*"},
    "RebuildFunctionRole": SNAPSHOT | {"refusals/*", "work/*"},
}


def changes_beyond(template: Template) -> list[str]:
    roles = of_type(template, "AWS::IAM::Role")
    functions = {each["Role"]["Fn::GetAtt"][0] for each in of_type(template, "AWS::Lambda::Function").values()}
    found = [f"{name}: nobody says what it may change" for name in functions ^ CHANGES_S3.keys()]
    for name, allowed in CHANGES_S3.items():
        granted = grants(roles[name])
        changing = {g for g in granted if g[0].startswith("s3:") and g[0] not in {"s3:GetObject", "s3:ListBucket"}}
        found += [f"{name} differs in {grant}" for grant in changing ^ allowed]
    return found


def writing_queries(template: Template) -> list[str]:
    """The function that anybody may call, whatever its role is called, changes nothing in the catalogue."""
    integrations = of_type(template, "AWS::ApiGatewayV2::Integration")
    roles, functions = of_type(template, "AWS::IAM::Role"), of_type(template, "AWS::Lambda::Function")
    found = []
    for route in of_type(template, "AWS::ApiGatewayV2::Route").values():
        integration = integrations[route["Target"]["Fn::Sub"].removeprefix("integrations/${").rstrip("}")]
        function = integration["IntegrationUri"]["Fn::GetAtt"][0]
        changed = {
            resource
            for action, resource in grants(roles[functions[function]["Role"]["Fn::GetAtt"][0]])
            if "CatalogueBucket" in resource and action not in {"s3:GetObject", "s3:ListBucket"}
        }
        if bool(changed) != (route["RouteKey"] in WRITING):
            found.append(f"{route['RouteKey']} is served by {function}, which may change {sorted(changed)}")
    return found


def reads_beyond(template: Template) -> list[str]:
    roles = of_type(template, "AWS::IAM::Role")
    return [
        f"{name} differs in reading {resource}"
        for name, prefixes in READS_ARTEFACTS.items()
        for resource in {r for action, r in grants(roles[name]) if action == "s3:GetObject"}
        ^ {"${CatalogueBucket.Arn}/*", *(f"${{ArtefactBucket.Arn}}/{prefix}" for prefix in prefixes)}
    ]


def unconditional_heads(template: Template) -> list[str]:
    """Refused is who writes the head with neither If-Match nor If-None-Match."""
    statements = [
        statement
        for policy in of_type(template, "AWS::S3::BucketPolicy").values()
        if policy["Bucket"] == {"Ref": "ArtefactBucket"}
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    wanted = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": {"Fn::Sub": "${ArtefactBucket.Arn}/head.json"},
        "Condition": {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}},
    }
    return [] if any(wanted.items() <= one.items() for one in statements) else ["the head may be overwritten unseen"]


def blind_roles(template: Template) -> list[str]:
    roles = of_type(template, "AWS::IAM::Role")
    return [
        f"{name} is told 403 of missing keys in {bucket}"
        for name in CHANGES_S3
        for bucket in ("CatalogueBucket", "ArtefactBucket")
        if not any(action == "s3:ListBucket" and bucket in resource for action, resource in grants(roles[name]))
    ]


def open_writes(template: Template) -> list[str]:
    routes = {r["RouteKey"]: r["AuthorizationType"] for r in of_type(template, "AWS::ApiGatewayV2::Route").values()}
    expected = dict.fromkeys(WRITING, "AWS_IAM") | {key: {"Ref": "ReadAuthorization"} for key in READING}
    return [key for key in routes.keys() | expected.keys() if routes.get(key) != expected.get(key)]


def open_queue(template: Template) -> list[str]:
    name = of_type(template, "AWS::S3::Bucket")["CatalogueBucket"]["BucketName"]["Fn::Sub"]
    (policy,) = of_type(template, "AWS::SQS::QueuePolicy").values()
    found = []
    for statement in policy["PolicyDocument"]["Statement"]:
        condition = statement.get("Condition", {})
        if condition.get("ArnEquals", {}).get("aws:SourceArn", {}).get("Fn::Sub") != [
            "arn:${AWS::Partition}:s3:::" + name[0],
            name[1],
        ]:
            found.append("any bucket may send")
        if condition.get("StringEquals", {}).get("aws:SourceAccount") != {"Ref": "AWS::AccountId"}:
            found.append("any account may send")
    return found


def exposed_buckets(template: Template) -> list[str]:
    found = []
    denied = {
        p["Bucket"]["Ref"]
        for p in of_type(template, "AWS::S3::BucketPolicy").values()
        for s in p["PolicyDocument"]["Statement"]
        if s["Effect"] == "Deny" and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        if len(blocked) != 4 or not all(blocked.values()):
            found.append(f"{name} may become public")
        if "BucketEncryption" not in bucket:
            found.append(f"{name} is not encrypted")
        if name not in denied:
            found.append(f"{name} may be read without TLS")
    return found


def unreachable_rebuild(template: Template) -> list[str]:
    functions = of_type(template, "AWS::Lambda::Function")
    name = functions["RebuildFunction"]["FunctionName"]
    arn = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:" + name["Fn::Sub"]
    found = [
        f"{function} asks another function"
        for function, properties in functions.items()
        if properties["Environment"]["Variables"]["TONARI_REBUILD_FUNCTION"] != name
    ]
    roles = of_type(template, "AWS::IAM::Role")
    return found + [
        f"{role} may not ask" for role in CHANGES_S3 if ("lambda:InvokeFunction", arn) not in grants(roles[role])
    ]


def other_invocations(template: Template) -> list[str]:
    """Whoever may run a function may run the rebuild alone."""
    return [
        f"{name} may run {resource}"
        for name, role in of_type(template, "AWS::IAM::Role").items()
        for action, resource in grants(role)
        if action.startswith("lambda:")
        and not resource.endswith("function:${AWS::StackName}-rebuild")
        and resource != str(["RebuildFunction", "Arn"])
    ]
