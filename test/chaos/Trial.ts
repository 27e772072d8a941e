/**
 * One trial: a farm, a client on one runtime, calm, storm, calm again, and the judgement.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Chance } from "@weir/testkit"
import { makeCertificates } from "../conformance/Certificates.ts"
import { FarmServer, storm } from "./Farm.ts"
import type { ClientOrders, Phase, PhaseReport } from "./Protocol.ts"
import { SocketWatch } from "./SocketWatch.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** How each runtime runs the client; the collector is asked before memory is looked at. */
export const runners: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["node", ["node", "--expose-gc"]],
  ["bun", ["bun", "run"]],
  ["deno", ["deno", "run", "--allow-all", "--v8-flags=--expose-gc"]]
])

export interface TrialOptions {
  readonly runtime: string
  readonly seed: number
  /** Of the storm; calm before and after lasts some seconds more. */
  readonly stormSeconds: number
  readonly calmSeconds: number
}

export interface Trial {
  readonly runtime: string
  readonly seed: number
  readonly findings: ReadonlyArray<string>
  readonly outcomes: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  readonly postCount: number
  readonly mostConnections: number
  readonly reconfigurationCount: number
  /** Calls a second: before the storm, in it, and from two seconds after it. */
  readonly rates: readonly [calm: number, storm: number, after: number]
  readonly heapMegabytes: readonly [start: number, end: number]
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

const rateOf = (perTenth: ReadonlyArray<number>, fromTenth = 0): number => {
  const counted = perTenth.slice(fromTenth, -1)
  return counted.length === 0 ? 0 : (counted.reduce((sum, calls) => sum + calls, 0) * 10) / counted.length
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

export const runTrial = async ({ calmSeconds, runtime, seed, stormSeconds }: TrialOptions): Promise<Trial> => {
  const chance = new Chance(seed)
  const directory = mkdtempSync(join(tmpdir(), "weir-chaos-"))
  const { ca, server: identity } = makeCertificates()
  const tls = { chainPath: join(directory, "chain.pem"), keyPath: join(directory, "key.pem") }
  writeFileSync(tls.chainPath, identity.chain)
  writeFileSync(tls.keyPath, identity.key)
  const servers = await Promise.all([
    FarmServer.start(chance.next()),
    FarmServer.start(chance.next()),
    FarmServer.start(chance.next(), tls)
  ])
  const ports = servers.map(({ port }) => port)
  const orders: ClientOrders = {
    seed,
    ca,
    connectionsPerRouteMax,
    connectionsMax,
    servers: servers.map(({ port }, index) => ({ isSecure: index === 2, host: "127.0.0.1", port }))
  }
  const watch = new SocketWatch(ports)
  const [program = "", ...words] = runners.get(runtime) ?? []
  const client = spawn(
    join(root, "node_modules", ".bin", program),
    [...words, join(root, "test/chaos/ChaosClient.ts"), JSON.stringify(orders)],
    { cwd: root, stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" } }
  )
  const ended = once(client, "close")
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]()
  const report = async (): Promise<PhaseReport> => {
    const { done, value } = await lines.next()
    if (done === true) throw new Error(`the client on ${runtime} ended in the middle (seed ${seed})`)
    return JSON.parse(value)
  }
  /** Ends the phase that the client is in, and hears how it was. */
  const enter = (phase: Phase): Promise<PhaseReport> => {
    client.stdin.write(`${phase}\n`)
    return report()
  }

  await report()
  await sleep(calmSeconds * 1000)
  const calm = await enter("storm")
  const over = new AbortController()
  const storming = storm(servers, chance.fork("storm"), over.signal)
  await sleep(stormSeconds * 1000)
  over.abort()
  const faults = await storming
  const stormy = await enter("recovery")
  await sleep(recoverySeconds * 1000)
  const recovering = await enter("calm")
  await sleep(calmSeconds * 1000)
  const after = await enter("end")
  const closed = await report()
  const left = watch.look()
  watch.stop()
  client.stdin.end()
  await ended
  await Promise.all(servers.map((server) => server.kill()))
  rmSync(directory, { recursive: true, force: true })

  const reports = [calm, stormy, recovering, after, closed]
  const outcomes: Record<string, number> = {}
  for (const { outcomes: some } of reports)
    for (const [name, times] of Object.entries(some)) outcomes[name] = (outcomes[name] ?? 0) + times
  const findings = reports.flatMap(({ findings: some, phase }) => some.map((finding) => `in ${phase}: ${finding}`))
  const executions = new Map<number, number>()
  for (const server of servers)
    for (const [number, times] of server.executions) executions.set(number, (executions.get(number) ?? 0) + times)
  for (const [number, times] of executions)
    if (times > 1) findings.push(`POST ${number} was carried out ${times} times`)
  for (const number of reports.flatMap(({ answeredPosts }) => answeredPosts))
    if (!executions.has(number)) findings.push(`POST ${number} was answered, and never carried out`)
  for (const [port, most] of watch.mostByPort)
    if (most > connectionsPerRouteMax)
      findings.push(`${most} connections to port ${port}, of ${connectionsPerRouteMax}`)
  if (watch.mostInTotal > connectionsMax) findings.push(`${watch.mostInTotal} connections in all, of ${connectionsMax}`)
  for (const [port, count] of left) findings.push(`${count} connections to port ${port} are left open`)
  const failures = Object.entries(after.outcomes).filter(([name]) => !/answered|pending|Refused/.test(name))
  for (const [name, times] of failures) findings.push(`after the storm, ${times} calls ended with ${name}`)
  const rates = [rateOf(calm.perTenth, 10), rateOf(stormy.perTenth), rateOf(after.perTenth)] as const
  const usual = median(calm.perTenth.slice(10, -1))
  const best = Math.max(...after.perTenth)
  if (best < usual * recoveredRatio)
    findings.push(`at best ${best} calls in a tenth of a second after the storm, usually ${usual} before`)
  const heap = [calm.heapBytes / 1e6, closed.heapBytes / 1e6] as const
  if (heap[1] > heap[0] * heapGrowthRatio + heapGrowthMegabytes)
    findings.push(`${heap[1].toFixed(1)} MB of heap at the end, ${heap[0].toFixed(1)} MB before the storm`)
  return {
    runtime,
    seed,
    findings,
    outcomes,
    faults,
    rates,
    postCount: executions.size,
    mostConnections: watch.mostInTotal,
    reconfigurationCount: closed.reconfigurationCount,
    heapMegabytes: heap
  }
}
