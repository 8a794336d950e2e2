# SPDX-License-Identifier: GPL-2.0-only
"""The laboratory: reads scenarios, runs them on a host, judges what came back.

What a scenario is      schema (each key), scenario (files, expectations), kernels (names),
                        arches (what differs between architectures)
Hosts                   hosts (which one), vmm (what each must do), hvhost, openvmm, esp
Making and running it   plan (what a guest gets), guest (kernels, initramfs), job (a folder
                        with all of it), runner, host, inner, archives (where jobs run, what
                        they hand back), shell
Under these             process, keeper (children and signals), locks, common
What came back          trace (hvhost's), witness (OpenVMM's), findings (the guest's), losses,
                        space
Judging it              judge, devices, foreign (groups of verdicts), verdict, judged (with
                        files and command), unknown (kernels of the user's), debian,
                        recordings (runs on OpenVMM)
Comparing the hosts     messages (what one kernel and its host said), overheard (the same
                        from OpenVMM's log), compare
What people see         matrix, demo, results (table, TAP, JUnit), __main__ (the verbs)
"""
