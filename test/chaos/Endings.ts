/**
 * How a program under load ends: killed in mid-work, and asked to end (SIGTERM).
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Books } from "./Books.ts"
import { FarmProcess } from "./Farm.ts"
import { Findings, Tried } from "./Judge.ts"
import { openSockets } from "./SocketWatch.ts"

export interface EndingsOptions {
  readonly runtime: string
  readonly seed: number
}

/** What the client process is started with. */
export interface EndingOrders {
  readonly port: number
  readonly connectionCount: number
  readonly callerCount: number
}

/** What it says when it has work under way, and what once more at its end. */
export interface EndingReport {
  readonly answered: ReadonlyArray<number>
  /** Of the call made after SIGTERM. */
  readonly newcomer: string
  readonly failures: ReadonlyArray<{ readonly number: number; readonly name: string }>
}

export interface EndingsResult {
  readonly findings: ReadonlyArray<string>
  /** From the kill until the system had no socket of either side. */
  readonly killedMillis: number
  /** Calls that were under way at SIGTERM and were answered after it. */
  readonly finishedCount: number
  /** Callers that waited at SIGTERM and were told that the pool is closed. */
  readonly refusedCount: number
}

const serviceMillis = 200
const connectionCount = 8
const callerCount = 12
/** The system closes a killed process's sockets at once, and the server has to look. */
const closedMillisMax = 2000

export const runEndings = async ({ runtime, seed }: EndingsOptions): Promise<EndingsResult> => {
  const findings = new Findings(`endings on ${runtime}`)
  const books = new Books()
  const server = await FarmProcess.server({
    seed,
    hear: (word) => {
      if ("number" in word && !books.execute(word.number)) findings.add(`POST ${word.number} was carried out again`)
    }
  })
  server.tell(`slow ${serviceMillis}`)
  const open = async (): Promise<Tried> => {
    const orders: EndingOrders = { port: server.port, connectionCount, callerCount }
    const client = new Tried(runtime, "EndingClient.ts", orders)
    await client.hear<"working">()
    if (openSockets(server.port).length === 0) findings.add("a client in mid-work has no socket")
    return client
  }
  /** Until neither side has a socket that is not closed: how long that took. */
  const settle = async (after: string): Promise<number> => {
    const startMillis = performance.now()
    while (openSockets(server.port).length > 0 && performance.now() < startMillis + closedMillisMax) await sleep(10)
    const tookMillis = performance.now() - startMillis
    for (const socket of openSockets(server.port)) findings.add(`after ${after} a socket is left: ${socket}`)
    return tookMillis
  }

  const killed = await open()
  killed.child.kill("SIGKILL")
  await killed.ended
  const killedMillis = await settle("a kill")

  const asked = await open()
  asked.child.kill("SIGTERM")
  const report = await asked.hear<EndingReport>()
  const [status] = await asked.ended
  if (status !== 0) findings.add(`after SIGTERM the client ended with status ${status}`)
  await settle("SIGTERM")
  await server.kill()
  for (const number of report.answered) books.answer(number)
  for (const number of books.invented) findings.add(`POST ${number} was answered, and never carried out`)
  if (report.newcomer !== "pool-closed") findings.add(`a call after SIGTERM ended with ${report.newcomer}`)
  for (const { name, number } of report.failures) {
    if (name !== "pool-closed") findings.add(`POST ${number}, accepted before SIGTERM, ended with ${name}`)
    else if (books.isExecuted(number)) findings.add(`POST ${number} was refused, and carried out`)
  }
  if (report.answered.length < connectionCount)
    findings.add(`${report.answered.length} calls were finished after SIGTERM, of ${connectionCount} under way`)
  return {
    findings: findings.all,
    killedMillis,
    finishedCount: report.answered.length,
    refusedCount: report.failures.length
  }
}
