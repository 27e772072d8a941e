/**
 * A burst of calls through a pool, ours or another system's own, seen from the server: how many run at once, how many
 * sockets there were, and how many are kept when all is done.
 */
import { holdRequests } from "./HeldServer.ts"

/** Makes so many calls at once; done when all have been answered and read. */
export type CallMany = (url: string, count: number) => Promise<void>

export interface Burst {
  readonly name: string
  /** In the words of the system. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly callCount: number
  readonly expected: Outcome
}

export interface Outcome {
  readonly heldCountMax: number
  readonly socketCount: number
  readonly keptCount: number
}

/** As long as something that should come is waited for: only a difference takes this long. */
const patienceMillis = 5000

const until = async (isTrue: () => boolean): Promise<void> => {
  const startMillis = performance.now()
  while (!isTrue() && performance.now() - startMillis < patienceMillis) {
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export const runBurst = async (callMany: CallMany, { callCount, expected }: Burst): Promise<Outcome> => {
  await using server = await holdRequests()
  let isDone = false
  const done = callMany(server.url, callCount).finally(() => {
    isDone = true
  })
  await until(() => server.heldCount() === expected.heldCountMax)
  await until(() => {
    server.release()
    return isDone
  })
  await done
  await until(() => server.openCount() === expected.keptCount)
  return { heldCountMax: server.heldCountMax(), socketCount: server.acceptedCount(), keptCount: server.openCount() }
}
