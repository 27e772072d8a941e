/**
 * One trial: a farm, a client on one runtime, calm, storm, calm again, and the judgement.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Chance } from "@weir/testkit"
import { Books } from "./Books.ts"
import { Findings, Tried } from "./Judge.ts"
import type { ClientOrders, FarmWord, Held, Phase, PhaseEnd, PhaseReport } from "./Protocol.ts"
import { openScene } from "./Scene.ts"
import { heldSockets, SocketWatch } from "./SocketWatch.ts"
import { Starvation } from "./Starvation.ts"

export interface TrialOptions {
  readonly runtime: string
  readonly seed: number
  /** Of the storm; calm before and after lasts some seconds more. */
  readonly stormSeconds: number
  readonly calmSeconds: number
}

type Counts = Record<string, number>

export interface Trial {
  readonly findings: ReadonlyArray<string>
  readonly outcomes: Readonly<Counts>
  readonly faults: Readonly<Counts>
  readonly closedByReason: Readonly<Counts>
  readonly postCount: number
  readonly mostConnections: number
  readonly reconfigurationCount: number
  /** Calls answered a second: before the storm, in it, and from two seconds after it. */
  readonly rates: readonly [calm: number, storm: number, after: number]
  /** For so long the machine, busy with other things, let the client wait: in all, and from two seconds after the storm. */
  readonly starvedMillis: readonly [total: number, after: number]
  /** Speed and failures after the storm were not judged, for the machine was too busy with other things. */
  readonly isStarved: boolean
  /** Before the callers began, and when all is closed. */
  readonly held: readonly [start: Held, end: Held]
}

const connectionsPerRouteMax = 8
const connectionsMax = 20
/** After this the client is expected to be at full speed again. */
const recoverySeconds = 2
/**
 * Of the usual rate before the storm, reached in the best tenth of a second after it: a machine's other users slow down
 * some of them, but connections that were lost slow down all.
 */
const recoveredRatio = 0.5
/** Of the heap before, and this many megabytes more: what compiled code and caches take. */
const heapGrowthRatio = 1.5
const heapGrowthMegabytes = 20
/**
 * For how long an address that was withdrawn may keep connections: the answer's time to live, a name server that says
 * nothing for a second, the call that is under way, and a busy machine.
 */
const withdrawnMillisMax = 30_000
/** If the machine lets the client or the judge wait for longer while the recovery is looked at, speed is not judged. */
const starvedMillisMax = 300

/** What may become of a call when nothing is wrong but that there are many. */
const usualOutcomes =
  /^answered$|^given up or answered$|Refused$|lease$|^background lease AcquireTimeout$|left lying$|, begun before$/

const rateOf = (perTenth: ReadonlyArray<number>, fromTenth = 0): number => {
  const counted = perTenth.slice(fromTenth, -1)
  return counted.length === 0 ? 0 : (counted.reduce((sum, calls) => sum + calls, 0) * 10) / counted.length
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const add = (counts: Counts, name: string, times = 1): void => {
  counts[name] = (counts[name] ?? 0) + times
}

/** `hasNetwork`: this process is in a network of its own. */
export const runTrial = async (options: TrialOptions, hasNetwork: boolean): Promise<Trial> => {
  const { calmSeconds, runtime, seed, stormSeconds } = options
  const chance = new Chance(seed)
  const starvation = new Starvation()
  const findings = new Findings(`under fire on ${runtime}, seed ${seed}`)
  const books = new Books()
  const faults: Counts = {}
  const hear = (word: FarmWord): void => {
    if ("fault" in word) add(faults, word.fault)
    else if (!books.execute(word.number)) findings.add(`POST ${word.number} was carried out more than once`)
  }
  const scene = await openScene(chance, hear, hasNetwork)
  const { addresses, ca, names, namedPort } = scene
  /** Addresses that the name has lost and that have connections. */
  const withdrawnIn = (ends: ReadonlyMap<string, number>): ReadonlyArray<string> =>
    [...ends.keys()]
      .filter((end) => end.endsWith(`:${namedPort}`))
      .map((end) => end.slice(0, end.lastIndexOf(":")))
      .filter((address) => names.withdrawnMillis(address) > 0)
  const foundLate = new Set<string>()
  const watch = new SocketWatch({
    ports: addresses.map(({ port }) => port),
    namedPort,
    onLook: (ends) => {
      for (const address of withdrawnIn(ends)) {
        if (names.withdrawnMillis(address) < withdrawnMillisMax || foundLate.has(address)) continue
        foundLate.add(address)
        findings.add(`a connection to ${address} is open ${withdrawnMillisMax / 1000} s after the name lost it`)
      }
    }
  })
  const orders: ClientOrders = {
    seed,
    ca,
    nameServer: names.server,
    connectionsPerRouteMax,
    connectionsMax,
    servers: addresses
  }
  const client = new Tried(runtime, "ChaosClient.ts", orders)
  const outcomes: Counts = {}
  /** Takes in what the client says until its phase has ended. */
  const listen = async (): Promise<PhaseEnd & { readonly all: Readonly<Counts> }> => {
    const all: Counts = {}
    for (;;) {
      const report = await client.hear<PhaseReport | PhaseEnd>()
      names.starvedMillis = report.starvedMillis
      for (const finding of report.findings) findings.add(`in ${report.phase}: ${finding}`)
      for (const number of report.answeredPosts) books.answer(number)
      for (const [name, times] of Object.entries(report.outcomes)) {
        add(outcomes, name, times)
        add(all, name, times)
      }
      if ("held" in report) return { ...report, all }
    }
  }
  /** Listens during what happens, then sends the client into the next phase. */
  const during = async (happening: Promise<unknown>, next: Phase) => {
    const listening = listen()
    await happening
    client.tell(next)
    return listening
  }

  const start = await listen()
  const calm = await during(sleep(calmSeconds * 1000), "storm")
  const over = new AbortController()
  const storming = scene.storm((fault) => add(faults, fault), over.signal)
  setTimeout(() => over.abort(), stormSeconds * 1000)
  const stormStartMillis = performance.now()
  const stormy = await during(storming, "recovery")
  const stormedSeconds = (performance.now() - stormStartMillis) / 1000
  const recovering = await during(sleep(recoverySeconds * 1000), "calm")
  const judgeStarvedMillis = starvation.totalMillis
  names.change()
  const withdrawing = async (): Promise<void> => {
    await sleep(calmSeconds * 1000)
    while (withdrawnIn(watch.look()).length > 0 && foundLate.size === 0) await sleep(50)
  }
  const after = await during(withdrawing(), "end")
  const starvedAfterMillis = Math.max(
    after.starvedMillis - recovering.starvedMillis,
    starvation.totalMillis - judgeStarvedMillis
  )
  const isStarved = starvedAfterMillis > starvedMillisMax
  const end = await listen()
  for (const { port } of addresses)
    for (const socket of heldSockets(port)) findings.add(`a connection is left when all is closed: ${socket}`)
  watch.stop()
  client.child.stdin.end()
  await client.ended
  await scene.close()

  for (const number of books.invented) findings.add(`POST ${number} was answered, and never carried out`)
  for (const [port, most] of watch.mostByPort)
    if (most > connectionsPerRouteMax) findings.add(`${most} connections to port ${port}, of ${connectionsPerRouteMax}`)
  if (watch.mostInTotal > connectionsMax) findings.add(`${watch.mostInTotal} connections in all, of ${connectionsMax}`)
  for (const [name, times] of Object.entries(after.all))
    if (!isStarved && !usualOutcomes.test(name)) findings.add(`after the storm, ${times} calls ended with ${name}`)
  if (!isStarved && end.closedByReason["withdrawn"] === undefined)
    findings.add("no connection was closed because the name had lost its address")
  const usual = median(calm.perTenth.slice(10, -1))
  const best = Math.max(...after.perTenth)
  if (!isStarved && best < usual * recoveredRatio)
    findings.add(`at best ${best} calls in a tenth of a second after the storm, usually ${usual} before`)
  judgeHeld(start.held, calm.held, end.held, findings)
  const stormAnswers = stormy.all["answered"] ?? 0
  return {
    findings: findings.all,
    outcomes,
    faults,
    closedByReason: end.closedByReason,
    rates: [rateOf(calm.perTenth, 10), stormAnswers / stormedSeconds, rateOf(after.perTenth)],
    postCount: books.executedCount,
    mostConnections: watch.mostInTotal,
    reconfigurationCount: end.reconfigurationCount,
    starvedMillis: [end.starvedMillis, starvedAfterMillis],
    isStarved,
    held: [start.held, end.held]
  }
}

const judgeHeld = (start: Held, calm: Held, end: Held, findings: Findings): void => {
  const [before, after] = [calm.heapBytes / 1e6, end.heapBytes / 1e6]
  if (after > before * heapGrowthRatio + heapGrowthMegabytes)
    findings.add(`${after.toFixed(1)} MB of heap at the end, ${before.toFixed(1)} MB before the storm`)
  const { descriptorCount, fiberCount, timerCount = 0 } = end
  if (descriptorCount > start.descriptorCount)
    findings.add(`${descriptorCount} descriptors at the end, ${start.descriptorCount} before the callers began`)
  if (fiberCount > 0) findings.add(`${fiberCount} fibers run when all is closed`)
  if (timerCount > 0) findings.add(`${timerCount} timers wait when all is closed`)
}
