import type { HpackDecoder } from '../../shared/http2/hpack/decoder.ts';
import { Head } from '../message/head.ts';
import { BlockCache } from './block-cache.ts';
import type { ListLimits } from './head-assembler.ts';
import { TrailerAssembler } from './trailer-assembler.ts';

/** Sections are put together within one call, so all connections share what does it. */
const sections = new TrailerAssembler();

/** Reads the trailer sections of one connection, which for gRPC are mostly the same few bytes. */
export class TrailerReader {
  readonly #decoder: HpackDecoder;
  readonly #limits: ListLimits;
  readonly #cache = new BlockCache<Head>();

  constructor(decoder: HpackDecoder, limits: ListLimits) {
    this.#decoder = decoder;
    this.#limits = limits;
  }

  /** Lets go of what it keeps for the sections to come. */
  rest(): void {
    this.#cache.clear();
  }

  /** The section; 'malformed' concerns its stream alone, while with 'lost' the table is, and the connection with it. */
  read(bytes: Buffer, from: number, to: number): Head | 'malformed' | 'lost' {
    const { generation } = this.#decoder;
    const known = this.#cache.find(bytes, from, to, true, generation);
    if (known !== null) return known;
    const { isRepeated } = this.#cache;
    const section = new Head();
    sections.begin(section, this.#limits, this.#decoder);
    if (this.#decoder.decode(bytes, from, to, sections) !== null) return 'lost';
    if (sections.finish() !== '') return 'malformed';
    if (isRepeated && this.#decoder.generation === generation)
      this.#cache.keep(bytes, from, to, true, generation, section);
    return section;
  }
}
