// `tombolo diagnose`: every check of the fleet on one cluster, what is wrong first in words and then in what to type.
import { Argument } from 'commander'
import { subjects } from '#fleet/checks/check.ts'
import type { Subject } from '#fleet/checks/check.ts'
import type { Found } from '#fleet/checks/index.ts'
import { findingsOf } from '#fleet/checks/index.ts'
import { probe } from '#fleet/probes/index.ts'
import { takeSnapshot } from '#fleet/snapshot.ts'
import type { Snapshot } from '#fleet/snapshot.ts'
import { openCluster } from '../cluster/cluster.ts'
import { execIn } from '../cluster/exec.ts'
import { whileItChanges } from '../cluster/live.ts'
import { linesOf, tableOf } from '../diagnose/render.ts'
import { failed } from '../problem.ts'
import type { AddCommand, CommonOptions, Session, Watch } from './command.ts'
import { commonOptions, watchOption } from './command.ts'
import { seenFrom } from './show.ts'

type Options = CommonOptions & Watch & { readonly probe: boolean; readonly problems?: true }

export const addDiagnose: AddCommand = (program, session) => {
  const command = program
    .command('diagnose')
    .summary('find out what is wrong, and what to do about it')
    .description(
      'Checks a cluster: a member, a broker, or one that is both. Each line is a finding; under what is not well stands what to do.\n' +
        'Some facts no object tells: to learn them, short programs are run in pods of Tombolo (read-only, but for a few packets).\nWith --watch, objects alone are looked at, as with --no-probe.',
    )
    .addArgument(new Argument('[what]', 'only this').choices([...subjects, 'all']).default('all'))
    .option('--no-probe', 'look at objects alone and run nothing in pods')
    .option('--problems', 'leave out what is well')
    .addHelpText(
      'after',
      `
Examples:
  tombolo diagnose --context east
  tombolo diagnose dns --context east
  tombolo diagnose broker --context hub
  tombolo diagnose --watch --problems --context east       # while something is being mended
  tombolo diagnose --problems -o json | jq '.findings[] | select(.level == "fail") | .remedy'

✓ is well, ⚠ works and deserves a look, ✗ does not work. Exit code 1 when something does not work.`,
    )
    .action((what: Subject | 'all', options: Options) => run(what === 'all' ? subjects : [what], options, session))
  commonOptions(watchOption(command))
}

async function run(wanted: readonly Subject[], options: Options, { output, signal }: Session): Promise<void> {
  await using cluster = await openCluster(options)
  const shownOf = (all: readonly Found[]) => (options.problems === true ? all.filter((f) => f.level !== 'pass') : all)
  if (options.watch === true) {
    const live = output.live(options.output)
    const look = (snapshot: Snapshot) => shownOf(findingsOf(seenFrom(snapshot, false, cluster), wanted))
    await whileItChanges(
      cluster.kube,
      async (kube) => live.show([tableOf(look(await takeSnapshot(kube, signal)))]),
      (text) => output.note(text),
      signal,
    )
    return
  }
  const taken = seenFrom(await takeSnapshot(cluster.kube, signal), false, cluster)
  const seen = options.probe ? await probe(taken, wanted, execIn(cluster), signal) : taken
  const all = findingsOf(seen, wanted)
  const shown = shownOf(all)
  const count = (level: 'pass' | 'warn' | 'fail') => all.filter((f) => f.level === level).length
  output.result(
    shown.length === 0 ? [{ text: '✓ nothing is wrong', tone: 'good' }] : linesOf(shown),
    {
      context: cluster.context,
      takenAt: seen.takenAt.toISOString(),
      pass: count('pass'),
      warn: count('warn'),
      fail: count('fail'),
      findings: shown,
    },
    options.output,
    shown.map((f) => `${f.check}/${f.level}`),
  )
  if (count('fail') > 0)
    throw failed(
      `${count('fail')} of ${all.length} findings say that something does not work.`,
      'Under each of them (✗) stands what to do.',
    )
}
