"""One file for each setup of a runtime: the flags and variables that the plan decides, and what decides each (MLS438).

A flag has `also`, its other names, `field`, and `of`, what has that field: the service, unless it says otherwise. `why`
is what goes wrong in production, and `instead` is a way out if no field is one. A `switch` takes no value. A flag is
declared if mlspec writes it, or if another value would make memory, probes, routes, or metrics wrong.

With `only`, just these values contradict the plan, and with `except`, all others do, both in any case of letters.
`plan` and `when` are names in `compiler/check/planned.py`: what equals `plan` contradicts nothing, and nothing does if
the plan has no value for `when`. With `once`, the server refuses a flag that is given twice, so what equals the plan is
an error as well, except for the `default`, which mlspec does not write.
"""
