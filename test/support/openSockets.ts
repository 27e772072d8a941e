/**
 * Which sockets this process holds open, as the system tells it: the one witness that no runtime can bribe.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { assert } from "@effect/vitest"
import { Effect } from "effect"

/** Linux lists every TCP socket of the machine; elsewhere nothing is counted, and Unix sockets are not told apart. */
const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].filter((path) => existsSync(path))

export const canCountSockets = tables.length > 0

/** The lines of the tables about sockets that are connected, or on their way, to this port and belong to this process. */
const rowsTo = (port: number): ReadonlyArray<ReadonlyArray<string>> => {
  const remotePort = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const rows = tables
    .flatMap((path) => readFileSync(path, "utf8").trim().split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2]?.endsWith(remotePort) === true && fields[9] !== "0")
  if (rows.length === 0) return rows
  const own = ownFiles()
  return rows.filter((fields) => own.has(`socket:[${fields[9]}]`))
}

const descriptors = "/proc/self/fd"

const ownFiles = (): ReadonlySet<string> =>
  new Set(
    readdirSync(descriptors).flatMap((name) => {
      try {
        return [readlinkSync(`${descriptors}/${name}`)]
      } catch {
        // It was closed meanwhile; the directory itself always is.
        return []
      }
    })
  )

export const countSocketsTo = (port: number): number => rowsTo(port).length

/** How long the system waits before it probes the peer of the only socket to this port; `NaN`: it does not. */
export const keepAliveSecondsTo = (port: number): number => {
  const [kind, ticks = ""] = rowsTo(port)[0]?.[5]?.split(":") ?? []
  // The kinds are those of proc(5), and ticks are hundredths of a second.
  return kind === "02" ? Number.parseInt(ticks, 16) / 100 : Number.NaN
}

const keepAlivePath = "/proc/sys/net/ipv4/tcp_keepalive_time"

/** How long the system waits where nobody says. */
export const systemKeepAliveSeconds = existsSync(keepAlivePath)
  ? Number(readFileSync(keepAlivePath, "utf8"))
  : Number.NaN

/** Turns of the event loop after which a closed socket is gone; a leak stays for ever. */
const turnCountMax = 200

/** Fails if sockets to this port, if it is one, stay open. */
export const expectNoSocketsTo = (port: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (port === 0) return
    for (let turn = 0; turn < turnCountMax && countSocketsTo(port) > 0; turn++) await setImmediate()
    assert.strictEqual(countSocketsTo(port), 0, `sockets to port ${port} were left open`)
  })
