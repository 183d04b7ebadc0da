// Programs of our own in the place of those that set-up runs, for its tests.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const programNames = [
  ...['containerd', 'containerd-shim-runc-v2', 'coredns', 'ctr', 'etcd', 'kube-apiserver', 'kube-controller-manager'],
  ...['kube-proxy', 'kube-scheduler', 'kubectl', 'kubelet', 'wireguard'],
] as const

/** A shell script called `name` in `folder`. */
export function executable(folder: string, name: string, script: string, mode = 0o755): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode })
}

/** A Go of this version, which does `otherwise` when it is asked for anything but its version. */
export const goOf = (version: string, otherwise: string): string =>
  `[ "$1" != version ] || { echo go version go${version} linux/amd64; exit; }\n${otherwise}`

/**
 * A Go that notes each package in `folder`/built instead of building it. As Go does it, a program is named after the last word of its
 * package that is not a version; what is in `folder`/ready under that name is taken. At the package that is in `folder`/hang a program
 * hangs that it has started. Two at once are an error, also when one of them is only what the other has started.
 */
export const goThatBuilds = (folder: string): string =>
  goOf(
    '1.26.8',
    `
    exec 9>${folder}/one
    flock --timeout 1 9 || { echo two Gos at once >&2; exit 1; }
    out=$(echo "$*" | sed 's/.* -o \\([^ ]*\\) .*/\\1/')
    for package in $(echo "$*" | sed 's/.* -o [^ ]* //'); do
      echo "$package" >>${folder}/built
      program=$(basename "$(echo "$package" | sed 's/\\/v[0-9]*$//')")
      cp ${folder}/ready/$program $out 2>/dev/null || touch $out$program
      sh -c "while grep -qsx $package ${folder}/hang; do sleep 0.05; done"
    done`,
  )

/** A Go from before it switched by itself. Its successor is `folder`/successor, and in `folder`/asked stands what it was asked for. */
export const goThatFetches = (folder: string, sum: string): string =>
  goOf('1.19.8', `echo "$*" >>${folder}/asked\necho '${JSON.stringify({ Dir: join(folder, 'successor'), Sum: sum })}'`)
