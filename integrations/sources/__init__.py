"""
Usage as others tell it: read, told apart, and handed to ingest as CloudEvents.

    tokens      what providers count → buckets that do not overlap (pure)
    made        the CloudEvents that become of it (pure)
    kong        entries of Kong's http-log plugin (pure)
    litellm     calls of LiteLLM's generic API callback (pure)
    otlp        spans of GenAI calls (pure); otlp_protobuf reads them as protobuf
    access_logs lines of nginx and Envoy (pure); `manage.py ingest_access_log` reads files of them
    http        where these three are posted to
    openmeter   where OpenMeter's hosted API takes events
"""
