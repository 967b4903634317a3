#!/bin/sh
# Runs Terraform for the CDKTF command line, which knows of no signal and so takes a Terraform that was killed for one
# that has ended well: it is told an exit status, 128 + the signal. Ctrl-C is for Terraform to answer.
trap : INT
terraform "$@"
exit $?
