/**
 * `node test/dialects/main.ts`: the same bursts through other systems themselves and through ours by their settings, in
 * one table. Go's needs the program `go`; without it the table says so. Leaves with 1 if any differ.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Outcome, runBurst } from "./Burst.ts"
import { agentPeer, goPeer, ours, type Peer } from "./Peers.ts"

const shown = ({ heldCountMax, keptCount, socketCount }: Outcome): string =>
  `${heldCountMax} at once, ${socketCount} sockets, ${keptCount} kept`

const compare = async (peer: Peer): Promise<boolean> => {
  let isAlike = true
  for (const burst of peer.bursts) {
    await using itself = peer.itself(burst.settings)
    await using weir = ours(peer.reading(burst.settings))
    const [theirs, own] = [shown(await runBurst(itself.callMany, burst)), shown(await runBurst(weir.callMany, burst))]
    isAlike &&= theirs === own
    console.log(
      `| ${peer.name} | ${burst.name} | ${burst.callCount} | ${theirs} | ${theirs === own ? "the same" : own} |`
    )
  }
  return isAlike
}

const folder = mkdtempSync(join(tmpdir(), "weir-go-"))

/** The compiled program; undefined where there is no Go. */
const buildGo = (): string | undefined => {
  const program = join(folder, "gopeer")
  try {
    execFileSync("go", ["build", "-o", program, join(import.meta.dirname, "gopeer", "main.go")], { stdio: "pipe" })
    return program
  } catch (cause) {
    console.log(`Go's are left out: ${cause instanceof Error ? cause.message.split("\n")[0] : String(cause)}`)
    return undefined
  }
}

try {
  const program = buildGo()
  const peers = program === undefined ? [agentPeer] : [agentPeer, goPeer(program)]
  console.log("| system | settings | calls | itself | ours |\n|---|---|---|---|---|")
  for (const peer of peers) if (!(await compare(peer))) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
