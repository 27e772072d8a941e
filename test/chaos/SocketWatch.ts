/**
 * Counts, as the kernel sees it, the sockets that a client holds to a port: those being connected, connected, and closed
 * by the peer only. Looks again and again, and remembers the most. (A server cannot count this well: it may hear of a new
 * connection before it hears of the end of the one that made room for it.)
 *
 * The kernel's table is no snapshot: sockets come and go while it is read. Only those count that are in two readings, one
 * after the other: they were there together, in between.
 */
import { readFileSync } from "node:fs"

/** ESTABLISHED, SYN_SENT and CLOSE_WAIT: the states of /proc/net/tcp in which a socket is the client's to close. */
const heldStates = new Set(["01", "02", "08"])
const lookMillis = 20

export class SocketWatch {
  readonly mostByPort = new Map<number, number>()
  mostInTotal = 0
  private readonly ports: ReadonlySet<number>
  private readonly timer: NodeJS.Timeout

  constructor(ports: ReadonlyArray<number>) {
    this.ports = new Set(ports)
    this.timer = setInterval(() => this.look(), lookMillis)
  }

  /** How many there are now, by port. */
  look(): ReadonlyMap<number, number> {
    const before = this.read()
    const byPort = new Map<number, number>()
    let total = 0
    for (const [socket, port] of this.read()) {
      if (!before.has(socket)) continue
      byPort.set(port, (byPort.get(port) ?? 0) + 1)
      total++
    }
    for (const [port, count] of byPort) this.mostByPort.set(port, Math.max(count, this.mostByPort.get(port) ?? 0))
    this.mostInTotal = Math.max(total, this.mostInTotal)
    return byPort
  }

  /** The ports by the inodes of the sockets; one that no process holds any more has inode 0. */
  private read(): ReadonlyMap<string, number> {
    const found = new Map<string, number>()
    for (const path of ["/proc/net/tcp", "/proc/net/tcp6"]) {
      for (const line of readFileSync(path, "utf8").split("\n").slice(1)) {
        const [, , remote = "", state = "", , , , , , inode = "0"] = line.trim().split(/\s+/)
        const port = Number.parseInt(remote.split(":")[1] ?? "0", 16)
        if (inode !== "0" && this.ports.has(port) && heldStates.has(state)) found.set(inode, port)
      }
    }
    return found
  }

  stop(): void {
    clearInterval(this.timer)
  }
}
