/**
 * Who may import whom. This table is the architecture: nothing points up, and a new arrow is a decision made here.
 */
export interface Layer {
  /** Packages of this repository, without `@weir/`. */
  readonly packages: ReadonlyArray<string>
  /** Beginnings of the runtimes' own modules it may use, such as `node:`. */
  readonly builtins: ReadonlyArray<string>
  /** The libraries it may use; absent: those its package.json declares. */
  readonly libraries?: ReadonlyArray<string>
}

const http = ["core", "http1", "http2", "transport"]
const edge = ["client", "node", "bun", "deno", ...http]

/** By directory under packages/. */
export const packageLayers: ReadonlyMap<string, Layer> = new Map<string, Layer>([
  ["transport", { packages: [], builtins: [], libraries: ["effect"] }],
  ["core", { packages: [], builtins: [], libraries: ["effect"] }],
  ["node", { packages: ["transport"], builtins: ["node:"] }],
  // Bun and Deno have node:net and node:tls too: what goes through them is written once, in `@weir/node/sockets`.
  ["bun", { packages: ["node", "transport"], builtins: ["node:"] }],
  ["deno", { packages: ["node", "transport"], builtins: ["node:"] }],
  // Buffer is the same on the three runtimes, and by far the fastest way from octets to text and back.
  ["http1", { packages: ["transport"], builtins: ["node:buffer"] }],
  ["http2", { packages: ["transport"], builtins: ["node:"] }],
  // The three runtimes have the same zlib, their own.
  ["client", { packages: http, builtins: ["node:zlib", "node:stream"] }],
  ["fetch", { packages: edge, builtins: [] }],
  // What speaks in node:http's and undici's terms, which are streams and buffers of Node's kind on every runtime.
  ["adapters", { packages: ["fetch", ...edge], builtins: ["node:"] }],
  ["dialects", { packages: ["core", "client"], builtins: [] }],
  ["effect3", { packages: ["fetch"], builtins: [] }],
  ["fleet", { packages: ["core"], builtins: [] }],
  ["testkit", { packages: ["dialects", "effect3", "fetch", "fleet", ...edge], builtins: ["node:"] }]
])

/** Apps and benchmarks only compose, from anything but the test kit; a cycle among them is found elsewhere. */
export const appLayer: Layer = {
  packages: ["adapters", "dialects", "effect3", "fetch", "fleet", "gateway", "load", ...edge],
  builtins: ["node:"]
}

/** The layer of `packages/core`, `apps/gateway` or `bench`; undefined for a package the table does not know. */
export function layerOf(directory: string): Layer | undefined {
  return directory.startsWith("packages/") ? packageLayers.get(directory.slice("packages/".length)) : appLayer
}

/** The packages that talk to the runtime's sockets, clock and timers; everything else asks Effect for time. */
export const socketLayers = ["packages/node", "packages/bun", "packages/deno"]
