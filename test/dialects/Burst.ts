/**
 * A burst of calls through a pool, ours or another system's own, seen from the servers: how many run at once, how many
 * sockets there were, and how many are kept when all is done; and how many calls the pool refused.
 */
import { type HeldServer, holdRequests } from "./HeldServer.ts"

/** Makes so many calls at once; done when all have been answered and read, or refused by the pool. */
export type CallMany = (url: string, count: number) => Promise<Refusals>

export interface Refusals {
  /** At once. */
  readonly refusedCount: number
  /** After having waited for a connection. */
  readonly timedOutCount: number
}

export interface Burst {
  readonly name: string
  /** In the words of the system. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Each number is a burst of its own to a server of its own, after the one before it. */
  readonly callCounts: ReadonlyArray<number>
  /** How long each server holds its requests when as many as expected are there: the time in which more would come. */
  readonly holdMillis?: number
  readonly expected: Outcome
}

export interface Outcome extends Refusals {
  /** For each number of `callCounts`. */
  readonly servers: ReadonlyArray<Seen>
}

export interface Seen {
  readonly heldCountMax: number
  readonly socketCount: number
  readonly keptCount: number
}

/** As long as something that should come is waited for: only a difference takes this long. */
const patienceMillis = 5000

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const until = async (isTrue: () => boolean): Promise<void> => {
  const startMillis = performance.now()
  while (!isTrue() && performance.now() - startMillis < patienceMillis) await sleep(2)
}

/** One burst to one server, from the first call to the last answer. */
const callHeld = async (
  server: HeldServer,
  calls: Promise<Refusals>,
  heldCount: number | undefined,
  holdMillis: number
): Promise<Refusals> => {
  let isDone = false
  const done = calls.finally(() => {
    isDone = true
  })
  // A race, so that calls which fail end the burst at once.
  await Promise.race([done, until(() => server.heldCount() === heldCount).then(() => sleep(holdMillis))])
  await Promise.race([
    done,
    until(() => {
      server.release()
      return isDone
    })
  ])
  return done
}

export const runBurst = async (
  callMany: CallMany,
  { callCounts, expected, holdMillis = 50 }: Burst
): Promise<Outcome> => {
  const servers: Array<HeldServer> = []
  let [refusedCount, timedOutCount] = [0, 0]
  try {
    for (const [index, callCount] of callCounts.entries()) {
      const server = await holdRequests()
      servers.push(server)
      const calls = callMany(server.url, callCount)
      const refusals = await callHeld(server, calls, expected.servers[index]?.heldCountMax, holdMillis)
      refusedCount += refusals.refusedCount
      timedOutCount += refusals.timedOutCount
    }
    await until(() => servers.every((server, index) => server.openCount() === expected.servers[index]?.keptCount))
    const seen = servers.map((server) => ({
      heldCountMax: server.heldCountMax(),
      socketCount: server.acceptedCount(),
      keptCount: server.openCount()
    }))
    return { servers: seen, refusedCount, timedOutCount }
  } finally {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
  }
}
