#!/bin/sh
# The bugs of `make mutation` can still be put into the source: whoever changes what one of them
# changes renews it.
exec "$(dirname "$0")/run.py" --places
