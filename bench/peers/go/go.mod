module hocket-bench

go 1.19
