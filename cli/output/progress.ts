// Steps of long work, each with the time it took. On a terminal the running step shows what it waits for; elsewhere
// (CI, a pipe) each step is one plain line when it is done, and one every few seconds while it waits.
import type { ListrDefaultRendererLogLevels } from 'listr2'
import { printable } from '#lib/std/printable.ts'
import type { Say } from '../cluster/until.ts'

export interface Progress {
  /** Runs `work` as a step called `title`; `say` replaces what is shown as its present doing. Throws what `work` throws. */
  readonly step: <T>(title: string, work: (say: Say) => Promise<T>) => Promise<T>
  /** Titles of the steps that went well, as they ended: what there is when the command is interrupted. */
  readonly done: readonly string[]
}

export function progress(stream: NodeJS.WriteStream): Progress {
  const { step } = stream.isTTY && stream.columns > 0 ? live(stream) : plain(stream)
  const done: string[] = []
  return {
    done,
    step: async (title, work) => {
      const result = await step(printable(title), (say) => work((detail) => say(printable(detail))))
      done.push(title)
      return result
    },
  }
}

type Steps = Pick<Progress, 'step'>

const remindMs = 10_000

function plain(stream: NodeJS.WriteStream): Steps {
  return {
    step: async (title, work) => {
      const began = performance.now()
      const took = () => `${((performance.now() - began) / 1000).toFixed(1)} s`
      let reminded = began
      const say: Say = (detail) => {
        if (performance.now() - reminded < remindMs) return
        reminded = performance.now()
        stream.write(`… ${title}: ${detail} (${took()})\n`)
      }
      try {
        const result = await work(say)
        stream.write(`✓ ${title} (${took()})\n`)
        return result
      } catch (error) {
        stream.write(`✗ ${title} (${took()})\n`)
        throw error
      }
    },
  }
}

function live(stream: NodeJS.WriteStream): Steps {
  return {
    step: async <T>(title: string, work: (say: Say) => Promise<T>) => {
      const began = performance.now()
      const result: { value?: T } = {}
      // Here and not above: most commands are done before it would be loaded.
      const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import('listr2')
      // Listr2 looks whether stdout is a terminal, not the stream that it is given, and would print into a result that goes to a pipe.
      class OnStream extends DefaultRenderer {
        static override nonTTY = true
      }
      const tasks = new Listr(
        [
          {
            title,
            task: async (_, task) => {
              result.value = await work((detail) => {
                task.output = detail
              })
              task.title = `${title} (${((performance.now() - began) / 1000).toFixed(1)} s)`
            },
          },
        ],
        {
          renderer: OnStream,
          rendererOptions: {
            logger: new ListrLogger<ListrDefaultRendererLogLevels>({ processOutput: new ProcessOutput(stream, stream) }),
            showErrorMessage: false,
            collapseErrors: false,
          },
        },
      )
      await tasks.run()
      return result.value as T
    },
  }
}
