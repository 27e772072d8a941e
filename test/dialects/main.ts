/**
 * `npm run dialects:beside [-- --write]`: the same bursts through other systems themselves and through ours by their
 * settings, in one table. Go's needs the program `go`, Java's need `mvn` and `java`; where those are missing the table
 * says that they were not run. Leaves with 1 if any differ. `--write` puts the table into docs/dialects-beside.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Burst, type Outcome, runBurst } from "./Burst.ts"
import { buildGoPeer } from "./GoPeer.ts"
import { buildJavaPeers, javaPeerNames } from "./JavaPeers.ts"
import { type Absent, agentPeer, ours, type Peer } from "./Peers.ts"

const introduction = `# Other systems beside ours

What \`npm run dialects:beside\` printed: each system itself, at the version named, and ours by a
[dialect](dialects.md)'s reading of the same settings, called in bursts. A server holds the requests that come, for 50 ms
after the last that is expected (for 1.5 s where it matters how long calls wait), answers them, and those that follow,
until each call has ended. It counts the requests that it held at once, the sockets that it ever accepted, and those still
open in the end. Where there are two numbers of calls, the second burst is to another host: when the first is over
(*then*), or while the first one's requests are held (*beside*). *Refused* calls failed at once, calls *timed out* when
they had waited for a connection; all others were answered. Spring Cloud Gateway itself is not run: its three types of
pool are set up as it does that.
`

const shown = ({ refusedCount, servers, timedOutCount, togetherCount }: Outcome, isTogether = false): string =>
  [
    servers
      .map(
        ({ heldCountMax, keptCount, socketCount }) =>
          `${heldCountMax} at once, ${socketCount} ${socketCount === 1 ? "socket" : "sockets"}, ${keptCount} kept`
      )
      .join("; the other host: "),
    ...(isTogether ? [`${togetherCount} held by both`] : []),
    ...(refusedCount > 0 ? [`${refusedCount} refused`] : []),
    ...(timedOutCount > 0 ? [`${timedOutCount} timed out`] : [])
  ].join("; ")

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } })
const folder = mkdtempSync(join(tmpdir(), "weir-peers-"))
const lines: Array<string> = []

const print = (line: string): void => {
  lines.push(line)
  console.log(line)
}

/** The peers that `build` makes, or why there are none. */
const built = (
  names: ReadonlyArray<string>,
  build: (folder: string) => ReadonlyArray<Peer>
): ReadonlyArray<Peer | Absent> => {
  try {
    return build(folder)
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause)
    return names.map((name) => ({ name, reason }))
  }
}

/** Whether both came to the same. */
const compare = async (peer: Peer, burst: Burst): Promise<boolean> => {
  await using itself = peer.itself(burst.settings)
  await using weir = ours(peer.reading(burst.settings))
  const theirs = shown(await runBurst(itself.callMany, burst), burst.isTogether)
  const own = shown(await runBurst(weir.callMany, burst), burst.isTogether)
  const calls = burst.callCounts.join(burst.isTogether === true ? " beside " : ", then ")
  print(
    `| ${peer.name} ${peer.version} | ${burst.name} | ${calls} | ${theirs} | ${theirs === own ? "the same" : own} |`
  )
  return theirs === own
}

try {
  print("| system | settings | calls | itself | ours |\n|---|---|---|---|---|")
  const peers = [
    agentPeer,
    ...built(["Go net/http"], (folder) => [buildGoPeer(folder)]),
    ...built(javaPeerNames, buildJavaPeers)
  ]
  for (const peer of peers) {
    if ("reason" in peer) print(`| ${peer.name} | not run: ${peer.reason} | | | |`)
    else for (const burst of peer.bursts) if (!(await compare(peer, burst))) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true })
}
if (values.write)
  writeFileSync(join(import.meta.dirname, "../../docs/dialects-beside.md"), `${introduction}\n${lines.join("\n")}\n`)
