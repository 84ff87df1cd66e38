/** Naming a harness: whose driver that is, and what is said where there is none. */

import type { Driver } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import { nearest } from '../nearest.ts'

/** @throws MadroxError `invalid_input`, with the nearest there is */
export function driverOf(harness: string, drivers: ReadonlyMap<string, Driver>): Driver {
  const driver = drivers.get(harness)
  if (driver) return driver
  const known = [...drivers.keys()]
  const near = nearest(harness, known)
  throw new MadroxError('invalid_input', `There is no harness "${harness}".`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Harnesses: ${known.join(', ')}.`, data: { harness } })
}
