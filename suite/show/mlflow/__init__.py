"""The MLflow view of the evidence: computed from it at any time, so that nothing can be lost in it.

`rows` says what the view holds, as plain data; `writer` alone imports MLflow and writes rows to any tracking store,
a server that others use included; `view` keeps a view of its own beside the evidence; `ui` starts MLflow's UI on it.
"""
