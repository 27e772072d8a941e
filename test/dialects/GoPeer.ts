/**
 * Go's `Transport`, run by the program in `gopeer`.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { go } from "@weir/dialects"
import type { Burst } from "./Burst.ts"
import { runProgram } from "./PeerProgram.ts"
import { outcome, type Peer } from "./Peers.ts"

const bursts: ReadonlyArray<Burst> = [
  { name: "DefaultTransport", settings: {}, callCounts: [10], expected: outcome([[10, 10, 2]]) },
  {
    name: "MaxIdleConnsPerHost 5",
    settings: { MaxIdleConnsPerHost: 5 },
    callCounts: [10],
    expected: outcome([[10, 10, 5]])
  },
  {
    name: "MaxIdleConnsPerHost -1",
    settings: { MaxIdleConnsPerHost: -1 },
    callCounts: [4],
    expected: outcome([[4, 4, 0]])
  },
  {
    name: "MaxIdleConns 3, for a host 10",
    settings: { MaxIdleConns: 3, MaxIdleConnsPerHost: 10 },
    callCounts: [8],
    expected: outcome([[8, 8, 3]])
  },
  {
    name: "MaxIdleConns 1",
    settings: { MaxIdleConns: 1 },
    callCounts: [1, 1],
    expected: outcome([
      [1, 1, 0],
      [1, 1, 1]
    ])
  },
  {
    name: "IdleConnTimeout 300 ms",
    settings: { IdleConnTimeout: 300_000_000 },
    callCounts: [2],
    expected: outcome([[2, 2, 0]])
  },
  {
    name: "MaxConnsPerHost 2",
    settings: { MaxConnsPerHost: 2 },
    callCounts: [6],
    holdMillis: 1500,
    expected: outcome([[2, 2, 2]])
  },
  {
    name: "MaxConnsPerHost 1",
    settings: { MaxConnsPerHost: 1 },
    callCounts: [2, 2],
    isTogether: true,
    expected: outcome(
      [
        [1, 1, 1],
        [1, 1, 1]
      ],
      { togetherCount: 2 }
    )
  },
  { name: "DisableKeepAlives", settings: { DisableKeepAlives: true }, callCounts: [4], expected: outcome([[4, 4, 0]]) }
]

/** Compiles the program into `folder`; throws where that cannot be done. */
export const buildGoPeer = (folder: string): Peer => {
  const program = join(folder, "gopeer")
  execFileSync("go", ["build", "-o", program, join(import.meta.dirname, "gopeer", "main.go")], { stdio: "pipe" })
  return {
    name: "Go net/http",
    version: execFileSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).trim(),
    bursts,
    itself: (settings) => runProgram(program, [JSON.stringify(settings)]),
    reading: (settings) => go(settings)
  }
}
