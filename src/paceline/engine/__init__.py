"""Run: drive a target by a workload and write down what is seen."""
