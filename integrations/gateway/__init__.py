"""
The faces of the decision: what gateways ask before they let a call through.

    calls          who asks for what, read from a call by a face's options (pure)
    verdicts       what a decision is over HTTP: status, headers, problem (pure)
    deciding       a request → a verdict: the gateway's key, the question, the answer
    forward_auth   nginx, Traefik, Caddy
    ext_authz      Envoy
    opa            Kong's OPA plugin
    openmeter      what its v3 API writes: ids, pages, problems (pure)
    entitlement_access   OpenMeter's v3 API, for Kong's entitlement-enforcement plugin
"""
