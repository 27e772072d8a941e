/**
 * Each rule is shown a sample that breaks it, and one that only looks like it.
 */
import { describe, expect, it } from "vitest"
import {
  checkEvasions,
  checkIntroduced,
  checkLeftovers,
  checkLength,
  checkMachinePaths,
  checkReplayable,
  checkTestNames,
  checkWebAssembly
} from "./code.ts"
import { checkCycles, checkDeclared, checkDependencies, checkDirections, checkSpelling } from "./imports.ts"
import { checkLock, checkManifest, checkReferences, checkVersions } from "./manifests.ts"
import { parseSource as read, type Source } from "./Source.ts"
import type { Manifest } from "./Workspace.ts"

const core = "packages/core/src/Pool.ts"

function parseSource(path: string, text: string): Source {
  const source = read(path, text)
  if (typeof source === "string") throw new Error(source)
  return source
}

describe("parseSource", () => {
  it("says where a file stops being a program", () => {
    expect(read(core, "export const")).toContain(core)
  })
})

describe("checkDirections", () => {
  const findIn = (path: string, text: string) => checkDirections(parseSource(path, text))

  it.each([
    ["an arrow up", core, `import { request } from "@weir/http1"`],
    ["an arrow up that is only a type", core, `import type { Request } from "@weir/http1"`],
    ["an arrow up in an import type", core, `let x: import("@weir/http1").Request`],
    ["an arrow up in a dynamic import", core, `await import("@weir/http1")`],
    ["an arrow up in a re-export", core, `export * from "@weir/client"`],
    ["a builtin in a portable package", core, `import { connect } from "node:net"`],
    ["a builtin by its old name", core, `import { connect } from "net"`],
    ["a library in a package that knows only effect", core, `import { parse } from "yaml"`],
    ["the test kit in what ships", "packages/client/src/Client.ts", `import { leaks } from "@weir/testkit"`],
    ["a package without a layer", "packages/extra/src/Extra.ts", `import { Effect } from "effect"`]
  ])("finds %s", (_, path, text) => {
    expect(findIn(path, text)).toHaveLength(1)
  })

  it.each([
    [
      "arrows down",
      "packages/client/src/Client.ts",
      `import { Pool } from "@weir/core"; import { Effect } from "effect"`
    ],
    ["the runtime's modules in a socket layer", "packages/node/src/Dial.ts", `import { connect } from "node:net"`],
    ["anything in a test", "packages/core/test/Pool.test.ts", `import { listen } from "@weir/node"`],
    ["a name in a comment or a string", core, `// import "@weir/http1"\nconst text = 'import "@weir/http1"'`]
  ])("allows %s", (_, path, text) => {
    expect(findIn(path, text)).toEqual([])
  })
})

describe("checkSpelling", () => {
  const findIn = (text: string) => checkSpelling(parseSource(core, text))

  it("finds a file named without its ending, or with the ending it will be compiled to", () => {
    expect(findIn(`import "./Route"`)).toHaveLength(1)
    expect(findIn(`import "./Route.js"`)).toHaveLength(1)
    expect(findIn(`import "./Route.ts"`)).toEqual([])
  })

  it("finds a path that leads into another package", () => {
    expect(findIn(`import "../../http1/src/Octets.ts"`)).toHaveLength(1)
    expect(findIn(`import "../test/support.ts"`)).toEqual([])
    expect(checkSpelling(parseSource("bench/codec.ts", `import "../packages/http1/src/Octets.ts"`))).toEqual([])
  })

  it("lets a package's tests, and nothing that ships, use what all tests share", () => {
    const inTest = (text: string) => checkSpelling(parseSource("packages/core/test/Pool.test.ts", text))
    expect(inTest(`import "../../../test/support/Leaks.ts"`)).toEqual([])
    expect(inTest(`import "../../../test/interop/Leaks.ts"`)).toHaveLength(1)
    expect(inTest(`import "../../http1/test/Leaks.ts"`)).toHaveLength(1)
    expect(findIn(`import "../../../test/support/Leaks.ts"`)).toHaveLength(1)
  })

  it("finds code that is loaded by URL", () => {
    expect(findIn(`import "npm:effect"`)).toHaveLength(1)
    expect(findIn(`import "https://example.com/a.ts"`)).toHaveLength(1)
    const inScript = (text: string) => checkSpelling(parseSource("examples/deno-script.ts", text))
    expect(inScript(`import "npm:effect"`)).toHaveLength(1)
    expect(inScript(`import "npm:@weir/fetch"`)).toEqual([])
  })
})

describe("checkDeclared", () => {
  const manifest: Manifest = { name: "@weir/core", dependencies: { effect: "4.1.0" } }
  const root: Manifest = { name: "weir", devDependencies: { vitest: "5.1.1" } }
  const findIn = (path: string, text: string) => checkDeclared(parseSource(path, text), manifest, root)

  it("finds what ships without being declared, even where the root has it for development", () => {
    expect(findIn(core, `import "yaml"`)).toHaveLength(1)
    expect(findIn(core, `import "vitest"`)).toHaveLength(1)
    expect(findIn(core, `import { HttpClient } from "effect/http"`)).toEqual([])
  })

  it("finds a name of the package's own that its imports do not have", () => {
    const own: Manifest = { name: "@weir/fetch", imports: { "#platform": "./src/platform.node.ts" } }
    const source = parseSource("packages/fetch/src/Client.ts", `import "#platform"; import "#other"`)
    expect(checkDeclared(source, own, root)).toEqual([
      "packages/fetch/src/Client.ts:1 imports #other, which @weir/fetch does not declare"
    ])
  })

  it("lets tests use the root's tools and every package of the repository", () => {
    const path = "packages/core/test/Pool.test.ts"
    expect(findIn(path, `import "vitest"; import "@weir/testkit"; import "@weir/core"; import "node:net"`)).toEqual([])
    expect(findIn(path, `import "yaml"`)).toHaveLength(1)
  })
})

describe("checkCycles", () => {
  const findIn = (texts: Readonly<Record<string, string>>) =>
    checkCycles(Object.entries(texts).map(([name, text]) => parseSource(`packages/core/src/${name}`, text)))

  it("finds files that need each other to be loaded", () => {
    const files = { "A.ts": `import "./B.ts"`, "B.ts": `export * from "./C.ts"`, "C.ts": `import { a } from "./A.ts"` }
    expect(findIn(files)).toEqual([
      "imports go round: packages/core/src/A.ts → packages/core/src/B.ts → packages/core/src/C.ts → packages/core/src/A.ts"
    ])
  })

  it("finds a file that imports itself", () => {
    expect(findIn({ "A.ts": `import "./A.ts"` })).toHaveLength(1)
  })

  it("lets types speak of each other", () => {
    expect(findIn({ "A.ts": `import type { B } from "./B.ts"`, "B.ts": `import { a } from "./A.ts"` })).toEqual([])
  })
})

describe("checkDependencies", () => {
  const own = (name: string, dependencies: Readonly<Record<string, string>>) => ({
    directory: `packages/${name}`,
    manifest: { name: `@weir/${name}`, dependencies }
  })

  it("finds a declared arrow up and the cycle it makes", () => {
    expect(
      checkDependencies([own("core", { "@weir/client": "0.1.0" }), own("client", { "@weir/core": "0.1.0" })])
    ).toEqual([
      "packages/core/package.json depends on @weir/client, which it must not know",
      "dependencies go round: @weir/core → @weir/client → @weir/core"
    ])
  })

  it("allows the arrows of the layers", () => {
    expect(checkDependencies([own("core", { effect: "4.1.0" }), own("client", { "@weir/core": "0.1.0" })])).toEqual([])
  })
})

describe("checkReplayable", () => {
  const findIn = (path: string, text: string) => checkReplayable(parseSource(path, text))

  it.each([
    "const now = Date.now()",
    "const read = globalThis.Date.now",
    "const today = new Date()",
    "const chance = Math.random()",
    "const start = performance.now()",
    "setTimeout(() => {}, 1)",
    "globalThis.setTimeout(() => {}, 1)",
    "const later = setInterval",
    "const parts = { setImmediate }",
    "queueMicrotask(() => {})",
    `import { setTimeout } from "node:timers/promises"`
  ])("finds real time and chance in: %s", (text) => {
    expect(findIn(core, text)).not.toEqual([])
    expect(findIn("packages/core/test/Pool.test.ts", text)).toEqual([])
    expect(findIn("packages/node/src/Dial.ts", text)).toEqual([])
  })

  it.each([
    "socket.setTimeout(5)",
    "const timers = { setTimeout: 1, Date: { now: 2 } }",
    "interface Timers { setTimeout(): void }",
    "class Timers { setTimeout() {} }",
    "const then = new Date(5)",
    "// Date.now()"
  ])("is not deceived by: %s", (text) => {
    expect(findIn(core, text)).toEqual([])
  })
})

describe("checkWebAssembly", () => {
  it("finds WebAssembly itself and the library that brings it", () => {
    expect(checkWebAssembly(parseSource(core, "await WebAssembly.compile(bytes)"))).not.toEqual([])
    expect(checkWebAssembly(parseSource(core, `import { Pool } from "undici"`))).toHaveLength(1)
    expect(checkWebAssembly(parseSource(core, "// no WebAssembly"))).toEqual([])
  })
})

describe("checkEvasions", () => {
  const findIn = (path: string, text: string) => checkEvasions(parseSource(path, text))

  it.each([
    "let x: any",
    "const y = x as any",
    "const y = x as unknown as string",
    "// @ts-ignore\nx()",
    "try { x() } catch {}"
  ])("finds: %s", (text) => {
    expect(findIn(core, text)).toHaveLength(1)
  })

  it.each(["let any = 1", "const y = x as const", "try { x() } catch {\n// Gone already.\n}", "// any"])(
    "is not deceived by: %s",
    (text) => {
      expect(findIn(core, text)).toEqual([])
    }
  )

  it("lets a test expect a type error", () => {
    expect(findIn(core, "// @ts-expect-error\nx()")).toHaveLength(1)
    expect(findIn("packages/core/test/Pool.test.ts", "// @ts-expect-error\nx()")).toEqual([])
  })
})

describe("checkLeftovers", () => {
  it("finds work left without an issue", () => {
    const word = "TODO"
    expect(checkLeftovers(parseSource(core, `// ${word}: later`))).toHaveLength(1)
    expect(checkLeftovers(parseSource(core, `// ${word} #12: later`))).toEqual([])
    expect(checkLeftovers(parseSource(core, `const text = "${word}"`))).toEqual([])
  })
})

describe("checkLength", () => {
  const lines = (count: number) => parseSource(core, "f()\n".repeat(count))

  it("finds a file past the limit, without counting comments and blanks", () => {
    expect(checkLength(lines(401), new Map())).toHaveLength(1)
    expect(checkLength(lines(400), new Map())).toEqual([])
    expect(checkLength(parseSource(core, `/*\n${"a\n".repeat(500)}*/ f()\n${"\n".repeat(500)}`), new Map())).toEqual([])
  })

  it("holds a known larger file to the lines it has", () => {
    expect(checkLength(lines(501), new Map([[core, 500]]))).toHaveLength(1)
    expect(checkLength(lines(500), new Map([[core, 500]]))).toEqual([])
    expect(checkLength(lines(499), new Map([[core, 500]]))).toHaveLength(1)
  })
})

describe("checkIntroduced", () => {
  it("finds a module that does not say what it is for", () => {
    expect(checkIntroduced(parseSource(core, `import "./A.ts"\nexport const x = 1\n/** Late. */`))).toHaveLength(1)
    expect(checkIntroduced(parseSource(core, `import "./A.ts"\n/** What for. */\nexport const x = 1`))).toEqual([])
    expect(checkIntroduced(parseSource("packages/core/src/index.ts", `export * from "./A.ts"`))).toEqual([])
  })
})

describe("checkTestNames", () => {
  const findIn = (text: string) => checkTestNames(parseSource("packages/core/test/Pool.test.ts", text))

  it.each([
    `it("works", () => {})`,
    `it.effect("release twice", () => {})`,
    `it.effect.each([1])("%s", () => {})`,
    `test("should give a connection back", () => {})`
  ])("finds a name that says too little in: %s", (text) => {
    expect(findIn(text)).toHaveLength(1)
  })

  it.each([
    `it("gives a released connection to the oldest waiter", () => {})`,
    `it.each(["idle"])("reports %s", () => {})`,
    "it.effect(`gives connections back`, () => {})",
    `submit("works")`
  ])("accepts: %s", (text) => {
    expect(findIn(text)).toEqual([])
  })
})

describe("checkMachinePaths", () => {
  const findIn = (text: string, path = "docs/guide.md") => checkMachinePaths({ path, text })

  it("finds a place that only one machine has", () => {
    expect(findIn("see /root/notes.md")).toHaveLength(1)
    expect(findIn(`open("/home/ann/a.pem")`)).toHaveLength(1)
    expect(findIn("http://example.com/home/ and packages/work/src")).toEqual([])
    expect(findIn(`"/work/a.ts" but "/root/"`, "packages/core/test/Pool.test.ts")).toHaveLength(1)
    expect(findIn(`get("/root/")`, "packages/core/test/Pool.test.ts")).toEqual([])
  })
})

describe("checkVersions", () => {
  const root: Manifest = { name: "weir", devDependencies: { effect: "4.1.0" } }
  const findIn = (dependencies: Readonly<Record<string, string>>, directory = "packages/core") =>
    checkVersions(root, [{ directory, manifest: { name: "@weir/core", version: "0.1.0", dependencies } }])

  it("finds a second version of a library, and a version that may change by itself", () => {
    expect(findIn({ effect: "4.0.0" })).toHaveLength(1)
    expect(findIn({ yaml: "^2.9.1" })).toHaveLength(1)
    expect(findIn({ effect: "4.1.0", yaml: "2.9.1" })).toEqual([])
  })

  it("finds a package of the repository asked for in another version than it has", () => {
    expect(findIn({ "@weir/core": "0.2.0" })).toHaveLength(1)
  })

  it("lets the bridge to Effect 3 have Effect 3", () => {
    expect(findIn({ effect: "3.22.4" }, "packages/effect3")).toEqual([])
  })
})

describe("checkManifest", () => {
  const manifest: Manifest = {
    name: "@weir/core",
    version: "0.1.0",
    description: "A pool",
    license: "MIT",
    type: "module",
    sideEffects: false,
    engines: { node: ">=22.19.0" },
    files: ["dist", "src"],
    scripts: { build: "rm -rf dist && tsc -p tsconfig.build.json" },
    peerDependencies: { effect: "^4.1.0" }
  }
  const findIn = (changes: Partial<Manifest>) =>
    checkManifest({ directory: "packages/core", manifest: { ...manifest, ...changes } })

  it("finds what keeps a package from being built or published", () => {
    expect(findIn({})).toEqual([])
    expect(findIn({ license: "ISC" })).toHaveLength(1)
    expect(findIn({ scripts: {} })).toHaveLength(1)
    expect(findIn({ name: "core" })).toHaveLength(1)
    expect(findIn({ dependencies: { effect: "4.1.0" } })).toHaveLength(1)
    expect(findIn({ peerDependencies: {} })).toHaveLength(1)
    const { description: _, ...undescribed } = manifest
    expect(checkManifest({ directory: "packages/core", manifest: undescribed })).toHaveLength(1)
  })
})

describe("checkReferences", () => {
  it("finds a build that does not refer to what its package depends on", () => {
    const client = {
      directory: "packages/client",
      manifest: { name: "@weir/client", dependencies: { "@weir/core": "0.1.0", effect: "4.1.0" } }
    }
    expect(checkReferences(client, [])).toHaveLength(1)
    expect(checkReferences(client, [{ path: "../core/tsconfig.build.json" }])).toEqual([])
  })
})

describe("checkLock", () => {
  const root: Manifest = { name: "weir", devDependencies: { turbo: "2.11.11" } }

  it("finds a manifest that changed after the lock file", () => {
    expect(checkLock({ "": { name: "weir", devDependencies: { turbo: "2.0.0" } } }, root, [])).toHaveLength(1)
    expect(checkLock({ "": { name: "weir", devDependencies: { turbo: "2.11.11" } } }, root, [])).toEqual([])
    const core = { directory: "packages/core", manifest: { name: "@weir/core", dependencies: { effect: "4.1.0" } } }
    expect(checkLock({ "": root }, root, [core])).toHaveLength(1)
  })

  it("finds a lock file that leaves out another platform", () => {
    const turbo = { name: "turbo", optionalDependencies: { "@turbo/darwin-arm64": "2.11.11" } }
    expect(checkLock({ "": root, "node_modules/turbo": turbo }, root, [])).toHaveLength(1)
  })
})
