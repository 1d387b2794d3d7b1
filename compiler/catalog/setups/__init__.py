"""One file for each setup of a runtime: the flags and variables that the plan decides, and what decides each (MLS438).

A flag has `also`, its other names, `field`, and `of`, what has that field: the service, unless it says otherwise. With
`only`, just these values contradict the plan. `why` is what goes wrong in production. A flag is declared if mlspec
writes it, or if another value would make memory, probes, routes, or metrics wrong.
"""
