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
  /** The bursts are under way together: those after the first begin while its requests are held. Default false. */
  readonly isTogether?: boolean
  /** How long each server holds its requests when as many as expected are there: the time in which more would come. */
  readonly holdMillis?: number
  readonly expected: Outcome
}

export interface Outcome extends Refusals {
  /** For each number of `callCounts`. */
  readonly servers: ReadonlyArray<Seen>
  /** The most requests that all servers together held when the time to hold them was over. */
  readonly togetherCount: number
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

interface Target {
  readonly server: HeldServer
  readonly callCount: number
  /** As many as should be held at once. */
  readonly heldCount: number
}

/** From the first call to the last answer; calls to the second server and on begin when the first has what it gets. */
const callHeld = async (
  callMany: CallMany,
  targets: ReadonlyArray<Target>,
  holdMillis: number
): Promise<{ readonly refusals: ReadonlyArray<Refusals>; readonly togetherCount: number }> => {
  const begun: Array<Promise<Refusals>> = []
  for (const { callCount, heldCount, server } of targets) {
    const calls = callMany(server.url, callCount)
    begun.push(calls)
    // A race, so that calls which fail end the burst at once.
    if (begun.length === 1) await Promise.race([calls, until(() => server.heldCount() === heldCount)])
  }
  let isDone = false
  const done = Promise.all(begun).finally(() => {
    isDone = true
  })
  await Promise.race([done, sleep(holdMillis)])
  const togetherCount = targets.reduce((sum, { server }) => sum + server.heldCount(), 0)
  await Promise.race([
    done,
    until(() => {
      for (const { server } of targets) server.release()
      return isDone
    })
  ])
  return { refusals: await done, togetherCount }
}

export const runBurst = async (
  callMany: CallMany,
  { callCounts, expected, holdMillis = 50, isTogether = false }: Burst
): Promise<Outcome> => {
  const servers: Array<HeldServer> = []
  const refusals: Array<Refusals> = []
  let togetherCount = 0
  try {
    for (const _ of callCounts) servers.push(await holdRequests())
    const targets = servers.map((server, index) => ({
      server,
      callCount: callCounts[index] ?? 0,
      heldCount: expected.servers[index]?.heldCountMax ?? 0
    }))
    for (const group of isTogether ? [targets] : targets.map((target) => [target])) {
      const held = await callHeld(callMany, group, holdMillis)
      refusals.push(...held.refusals)
      togetherCount = Math.max(togetherCount, held.togetherCount)
    }
    await until(() => servers.every((server, index) => server.openCount() === expected.servers[index]?.keptCount))
    return {
      servers: servers.map((server) => ({
        heldCountMax: server.heldCountMax(),
        socketCount: server.acceptedCount(),
        keptCount: server.openCount()
      })),
      togetherCount,
      refusedCount: refusals.reduce((sum, { refusedCount }) => sum + refusedCount, 0),
      timedOutCount: refusals.reduce((sum, { timedOutCount }) => sum + timedOutCount, 0)
    }
  } finally {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
  }
}
