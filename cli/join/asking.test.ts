import assert from 'node:assert/strict'
import { apiserver } from '#test/kit/apiserver.ts'
import { askedOf, joiner } from '#test/kit/joining.ts'
import { Problem } from '../problem.ts'
import { askBroker } from './asking.ts'

const { signal } = new AbortController()

suite('asking the broker', () => {
  for (const [code, reason] of [
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
  ] as const)
    test(`a place to ask at that goes while we wait, which the apiserver tells by ${code}, is no fault of the request`, async () => {
      await using server = await apiserver()
      const asked = () => server.requests.filter(({ verb }) => verb === 'create').length
      server.fault(({ verb }) => verb === 'get' && asked() > 0, { do: 'status', code, reason }, 10)
      const { id, identity } = joiner('west')
      const broker = { server: server.connection.server, ca: '', token: 'a-token' }
      const question = { asked: askedOf(id, { intent: 'Leave' }), identity, code: undefined }
      await assert.rejects(
        askBroker(broker, question, 5000, () => undefined, signal),
        (error) => error instanceof Problem && /does not take the token of "west" any more/.test(error.message),
      )
      assert.equal(asked(), 1)
    })
})
