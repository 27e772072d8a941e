/**
 * The client with servers that others wrote: `npm run interop -- [--calls N] [--update]`, N calls under load to each
 * server, 5,000 unless told otherwise. `--update` writes what was seen into docs/interop.md.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { installServers } from "./servers.ts"
import { interopServers } from "./steps.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const { values } = parseArgs({
  options: { calls: { type: "string", default: "5000" }, update: { type: "boolean", default: false } }
})

if (installServers(interopServers).length > 0) process.exit(1)
const { status } = spawnSync(
  join(root, "node_modules", ".bin", "node"),
  [join(root, "node_modules/vitest/vitest.mjs"), "run", "test/interop/"],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, INTEROP_CALLS: values.calls, INTEROP_UPDATE: values.update ? "1" : "0" }
  }
)
process.exitCode = status ?? 1
