/**
 * The rules, applied to this repository. `rules.test.ts` shows that each of them can fail.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
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
import { checkCycles, checkDeclared, checkDependencies, checkDirections, checkSpelling, packageOf } from "./imports.ts"
import { checkLock, checkManifest, checkReferences, checkVersions } from "./manifests.ts"
import { readWorkspace, rootDirectory } from "./Workspace.ts"

/** Files that were let grow past the limit, with their lines of code. Take lines out, never put any in. */
const largerFiles: ReadonlyMap<string, number> = new Map()

const { files, packages, root, sources, syntaxErrors } = readWorkspace()

function readJson(path: string) {
  return JSON.parse(readFileSync(join(rootDirectory, path), "utf8"))
}

describe("imports", () => {
  it("point down the layers only", () => {
    expect(sources.flatMap(checkDirections)).toEqual([])
  })

  it("are declared by the package that makes them", () => {
    const findings = sources.flatMap((source) => {
      const own = packages.find(({ directory }) => directory === packageOf(source.path))
      return own === undefined ? [] : checkDeclared(source, own.manifest, root)
    })
    expect(findings).toEqual([])
  })

  it("name files with their endings and stay inside their package", () => {
    expect(sources.flatMap(checkSpelling)).toEqual([])
  })

  it("never go round from file to file", () => {
    expect(checkCycles(sources)).toEqual([])
  })
})

describe("what ships", () => {
  it("takes time and chance from Effect, outside the socket layers", () => {
    expect(sources.flatMap(checkReplayable)).toEqual([])
  })

  it("holds no WebAssembly", () => {
    expect(sources.flatMap(checkWebAssembly)).toEqual([])
  })

  it("says what each module is for", () => {
    expect(sources.flatMap(checkIntroduced)).toEqual([])
  })
})

describe("every source", () => {
  it("can be parsed, so that the other rules see it", () => {
    expect(syntaxErrors).toEqual([])
  })

  it("lets the compiler and the reader see its errors", () => {
    expect(sources.flatMap(checkEvasions)).toEqual([])
  })

  it("leaves nothing to do without an issue", () => {
    expect(sources.flatMap(checkLeftovers)).toEqual([])
  })

  it("stays short enough to be read at once", () => {
    expect(sources.flatMap((source) => checkLength(source, largerFiles))).toEqual([])
    expect([...largerFiles.keys()].filter((path) => !sources.some((source) => source.path === path))).toEqual([])
  })

  it("names its tests in sentences", () => {
    expect(sources.flatMap(checkTestNames)).toEqual([])
  })

  it("speaks of no place on one machine", () => {
    expect(files.filter(({ path }) => !path.startsWith("test/tidy/")).flatMap(checkMachinePaths)).toEqual([])
  })
})

describe("the manifests", () => {
  it("depend down the layers only, without a cycle", () => {
    expect(checkDependencies(packages)).toEqual([])
  })

  it("name one version of each library", () => {
    expect(checkVersions(root, packages)).toEqual([])
  })

  it("can all be built and published", () => {
    expect(packages.flatMap(checkManifest)).toEqual([])
  })

  it("build upon exactly what they depend on", () => {
    const findings = packages
      .filter(({ directory }) => directory.startsWith("packages/"))
      .flatMap((one) => checkReferences(one, readJson(`${one.directory}/tsconfig.build.json`).references ?? []))
    expect(findings).toEqual([])
  })

  it("agree with the lock file, which knows every platform", () => {
    expect(checkLock(readJson("package-lock.json").packages, root, packages)).toEqual([])
  })
})
