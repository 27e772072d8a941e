/**
 * Drives one JavaScript client as `../README.md` says every driver does, and prints what it saw as one line of JSON.
 */
import { parseArgs } from "node:util"
import type { Client } from "./Client.ts"
import { clients } from "./clients.ts"
import { Latencies } from "./Latencies.ts"
import { drivePaced } from "./paced.ts"

const { values } = parseArgs({
  options: {
    client: { type: "string" },
    url: { type: "string" },
    connections: { type: "string", default: "1" },
    callers: { type: "string" },
    rate: { type: "string", default: "0" },
    seconds: { type: "string", default: "0" },
    warmup: { type: "string", default: "0" },
    task: { type: "string", default: "load" }
  }
})

const { client: name = "", url = "" } = values
const connectionCount = Number(values.connections)
const callerCount = Number(values.callers ?? values.connections)
const ratePerSecond = Number(values.rate)
const measuredMillis = Number(values.seconds) * 1000
const warmupMillis = Number(values.warmup) * 1000

const print = (result: object): void => {
  console.log(JSON.stringify(result))
}

const cpuMillis = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** Makes calls until the time is over, and counts those that began after the warm-up. */
const drive = async (client: Client): Promise<void> => {
  const latencies = new Latencies()
  const perTenth: Array<number> = []
  let errorCount = 0
  const beginMillis = performance.now() + warmupMillis
  const endMillis = beginMillis + measuredMillis
  let cpuAtBegin = cpuMillis()
  const timer = setTimeout(() => {
    cpuAtBegin = cpuMillis()
  }, warmupMillis)
  const note = (fromMillis: number, isAnswered: boolean): void => {
    const nowMillis = performance.now()
    if (nowMillis < beginMillis || nowMillis > endMillis) return
    if (!isAnswered) {
      errorCount++
      return
    }
    latencies.add(nowMillis - fromMillis)
    const tenth = Math.floor((nowMillis - beginMillis) / 100)
    perTenth[tenth] = (perTenth[tenth] ?? 0) + 1
  }
  if (ratePerSecond > 0) await drivePaced(client, ratePerSecond, endMillis, note)
  else await client.lanes(callerCount, () => performance.now() < endMillis, note)
  clearTimeout(timer)
  print({
    ...latencies.summary(measuredMillis / 1000),
    cpuSeconds: (cpuMillis() - cpuAtBegin) / 1000,
    errorCount,
    perTenth: Array.from({ length: Math.ceil(measuredMillis / 100) }, (_, index) => perTenth[index] ?? 0)
  })
}

/** The memory of the process before and after so many connections have been opened, all idle at the end. */
const holdIdle = async (client: Client): Promise<void> => {
  await client.call()
  const before = settledBytes()
  await Promise.all(Array.from({ length: connectionCount }, () => client.call()))
  print({ residentBytes: settledBytes() - before })
}

const settledBytes = (): number => {
  const collect: unknown = Reflect.get(globalThis, "gc")
  if (typeof collect === "function") for (let time = 0; time < 3; time++) collect()
  return process.memoryUsage().rss
}

const make = clients[name]
if (make === undefined) {
  console.error(`There is no client ${name}; there are ${Object.keys(clients).join(", ")}.`)
  process.exit(2)
}
const client = await make(url, connectionCount)
if (values.task === "first") {
  await client.call()
  print({ requestCount: 1 })
} else if (values.task === "idle") {
  await holdIdle(client)
} else {
  await drive(client)
}
await client.close()
process.exit(0)
