"""The command line: what operators and developers do with `flask GROUP COMMAND`. Reference: docs/command-line.md

The law of this room:

- One module a command group; `cli.app` lists them and loads a module only when one of its commands is called.
- Results go to standard output and nothing else does; with `--json` they are JSON. Words about the work, logs
  and errors go to standard error.
- Exit status 0: done. 1: it could not be done, or a check failed, with a sentence that says what to do. 2: the
  command was not called rightly. A traceback is a defect.
- It may import every room but `workers`.
"""
