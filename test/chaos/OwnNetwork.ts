/**
 * A trial has a network of its own, where that can be: then several run side by side, every address is its to use, and
 * some of them can be made black holes. It takes Linux, unshare(1), nsenter(1) and ip(8), and being root or allowed to
 * be root of a user namespace.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process"
import { readlinkSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"

const run = promisify(execFile)

const ways: ReadonlyArray<ReadonlyArray<string>> = [
  ["unshare", "--net"],
  ["unshare", "--map-root-user", "--net"]
]

const probe = "ip link set lo up && ip link add h0 type veth && nsenter --version"

/** What has to stand before a command for it to have a network of its own; undefined: that cannot be. */
export const ownNetworkWords = (): ReadonlyArray<string> | undefined => {
  const way = ways.find(([program = "", ...words]) => spawnSync(program, [...words, "sh", "-c", probe]).status === 0)
  return way === undefined ? undefined : [...way, "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
}

/** An address whose packets vanish: its neighbour is known, and nobody. */
export const holeAddress = "192.0.2.9"
const nobody = "02:00:00:00:00:09"

/** A second network, at the far end of a cable. What stands there can be made to vanish, and to appear again. */
export class FarNetwork {
  readonly host = "192.0.2.7"
  /** Stands before a command that is to run there. */
  readonly words: ReadonlyArray<string>
  private readonly holder: ChildProcess
  private readonly linkAddress: string

  private constructor(holder: ChildProcess, words: ReadonlyArray<string>, linkAddress: string) {
    this.holder = holder
    this.words = words
    this.linkAddress = linkAddress
  }

  static async open(): Promise<FarNetwork> {
    // It ends with its standard input, which ends with this process.
    const holder = spawn("unshare", ["--net", "cat"], { stdio: ["pipe", "ignore", "inherit"] })
    const network = `/proc/${holder.pid}/ns/net`
    while (readlinkSync(network) === readlinkSync("/proc/self/ns/net")) await sleep(5)
    const words = ["nsenter", `--net=${network}`]
    await run("ip", ["link", "add", "h0", "type", "veth", "peer", "name", "h1", "netns", String(holder.pid)])
    await run("ip", ["addr", "add", "192.0.2.1/24", "dev", "h0"])
    await run("ip", ["link", "set", "h0", "up"])
    const there = "ip link set lo up && ip addr add 192.0.2.7/24 dev h1 && ip link set h1 up && ip -j link show h1"
    const { stdout } = await run("nsenter", [...words.slice(1), "sh", "-c", there])
    const links: ReadonlyArray<{ readonly address: string }> = JSON.parse(stdout)
    const far = new FarNetwork(holder, words, links[0]?.address ?? "")
    await far.appear()
    await neighbour(holeAddress, nobody)
    return far
  }

  /** From now on packets to it are lost, those of open connections too; nobody hears of it. */
  vanish(): Promise<unknown> {
    return neighbour(this.host, nobody)
  }

  appear(): Promise<unknown> {
    return neighbour(this.host, this.linkAddress)
  }

  close(): void {
    this.holder.stdin?.end()
  }
}

const neighbour = (host: string, linkAddress: string): Promise<unknown> =>
  run("ip", ["neigh", "replace", host, "lladdr", linkAddress, "dev", "h0", "nud", "permanent"])
