module bide.invalid/bench

go 1.19
