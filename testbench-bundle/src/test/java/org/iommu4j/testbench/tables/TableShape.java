package org.iommu4j.testbench.tables;

import java.nio.ByteOrder;
import java.util.Collections;
import java.util.List;
import org.iommu4j.backend.DmaAccess;

/**
 * How the tables of a format are cut. Levels are counted from the pages upwards, from 0.
 *
 * @param pageShift log2 of the smallest page in bytes
 * @param indexBits address bits that a table of each level resolves
 * @param leafLevel highest level whose entries may lead to memory
 * @param targetBits physical addresses that an entry can lead to, in bits
 * @param ranges device addresses that devices can use; what lies outside is a fault, too
 * @param rights what a mapping may allow, each a set of {@link DmaAccess#READ} and {@link DmaAccess#WRITE}
 * @param order of the bytes of an entry of 64 bits
 */
public record TableShape(
        int pageShift,
        List<Integer> indexBits,
        int leafLevel,
        int targetBits,
        List<AddressRange> ranges,
        List<Integer> rights,
        ByteOrder order) {

    /** What a format can allow that knows reads and writes apart. */
    static final List<Integer> READ_AND_WRITE =
            List.of(DmaAccess.READ, DmaAccess.WRITE, DmaAccess.READ | DmaAccess.WRITE);

    /** What a format can allow in which whatever is present can be read. */
    static final List<Integer> READ_OR_BOTH = List.of(DmaAccess.READ, DmaAccess.READ | DmaAccess.WRITE);

    /** Device addresses from {@code first} to {@code last}, unsigned. */
    public record AddressRange(long first, long last) {}

    /** Tables of 512 little-endian entries with pages of 4 KiB, 2 MiB and 1 GiB. */
    static TableShape ofPages4K(int levels, List<AddressRange> ranges, int targetBits, List<Integer> rights) {
        return new TableShape(
                12,
                Collections.nCopies(levels, 9),
                Math.min(2, levels - 1),
                targetBits,
                ranges,
                rights,
                ByteOrder.LITTLE_ENDIAN);
    }

    /** The lowest addresses, as many as a number of bits has. */
    static List<AddressRange> low(int bits) {
        return List.of(new AddressRange(0, -1L >>> (Long.SIZE - bits)));
    }

    /** Number of levels. */
    public int levels() {
        return indexBits.size();
    }

    /** log2 of what an entry of a level covers in bytes; that of the level above the top is all that the tables reach. */
    public int shift(int level) {
        return pageShift
                + indexBits.stream().limit(level).mapToInt(bits -> bits).sum();
    }

    /** Bytes of the smallest page. */
    public long pageBytes() {
        return 1L << pageShift;
    }

    /** What of a device address the tables look at. */
    long offset(long iova) {
        int bits = shift(levels());
        return bits >= Long.SIZE ? iova : iova & ((1L << bits) - 1);
    }

    /** Index into a table of a level. */
    public long index(long iova, int level) {
        return (iova >>> shift(level)) & ((1L << indexBits.get(level)) - 1);
    }

    /** Pages of 4 KiB that a table of a level takes. */
    int tablePages(int level) {
        return 1 << Math.max(0, indexBits.get(level) + 3 - 12);
    }

    /** The largest leaf that fits at both addresses into so many bytes. */
    int leafAt(long iova, long pa, long bytes) {
        int level = leafLevel;
        while (level > 0
                && (((iova | pa) & ((1L << shift(level)) - 1)) != 0
                        || Long.compareUnsigned(bytes, 1L << shift(level)) < 0)) {
            level--;
        }
        return level;
    }
}
