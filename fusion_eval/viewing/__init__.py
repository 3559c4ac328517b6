"""`fusion-eval view` and `ls`: the runs of a results directory, looked at without touching them.

The list and the page of a run that goes on read manifests and one small file, so that they load no
data frame. What needs statistics (a comparison, agreement) is computed when it is asked for, in a
thread. The only files that are written are those of people's labels.
"""
