/** What the reader of a configuration file gets, and what it gives. */
import type { z } from 'zod'
import type { FilePlace, Problem } from '../problem.ts'
import type { Provided, ProvidedSettings } from '../provided.ts'
import type { Substitutes } from './substitute.ts'

export interface FileSource extends Omit<Substitutes, 'folder'> {
  /** The name of the file, as it is shown. */
  readonly file: string
  /** Its path, from which relative paths in it are read. */
  readonly path: string
  readonly text: string
  readonly structure: z.ZodType
  /** The files of secrets that were read so far. */
  readonly secretFiles?: ReadonlySet<string>
}

/** What a file provides, and what is wrong with it. */
export interface ReadFile extends ProvidedSettings {
  readonly tenants: ReadonlyMap<string, Provided>
  readonly aliases: ReadonlyMap<string, string>
  readonly aliasPlaces: ReadonlyMap<string, FilePlace>
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** What may not be shown: the values of variables and files, unless they are options of mcplex itself. */
  readonly secretValues: readonly string[]
}
