package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a unit of scalable mode with caches answers after an edit of its tables and the commands that table 28 of the
 * specification asks for, docs/spec/intel-vtd.md 10.1, is what a unit without caches answers; so are the flags in the tables.
 */
class ScalableCoherencePropertyTest {
    private static final Map<Long, Long> IMAGE = new ScalableVectors().image();
    private static final int[] PASIDS = {DmaAccess.NO_PASID, 0x345, 0x346, 0x347, 0x348, 0x349, 0x34a};
    private static final long[] ADDRESSES = {
        0x40201abcL,
        0x40456789L,
        0x92345678L,
        0x1000000001010L,
        0x7f0000201abcL,
        0x7f0000412345L,
        0x7f0041234567L,
        0xff00000000001010L,
        0x12345678L,
        0x40202010L,
        0x1000L,
    };

    /** Entries of second-stage tables, all of domain 0x12 but the last, of 0x14. */
    private static final long[] SECOND_STAGE = {
        0x10000, 0x11000, 0x11008, 0x12008, 0x12010, 0x13008, 0x15010, 0x14000, 0x14008, 0x14010, 0x14018, 0x14800,
        0x1a008,
    };

    /** Entries of the first-stage table of PASID 0x345 in domain 0x13. */
    private static final long[] FIRST_STAGE = {0x207f0, 0x21000, 0x21008, 0x22008, 0x22010, 0x23008};

    /** Entries of the guest's first-stage table, of PASID 0x346 in domain 0x12. */
    private static final long[] NESTED = {0x30000, 0x31000, 0x32488, 0x33a28};

    private static final long[] PASID_ENTRIES = {0x4400, 0x5140, 0x5180, 0x51c0, 0x5240, 0x5280};
    private static final int[] DOMAINS = {0x12, 0x13, 0x14};

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldAnswerAsWithoutCachesWhenEditsAreInvalidated(CacheConfig cache) {
        int[] translated = new int[1];
        Property.check(60, random -> run(cache, false, random, translated));
        Property.check(30, random -> run(cache, true, random, translated));
        assertTrue(translated[0] > 1000, () -> "only " + translated[0] + " were translated");
    }

    private static ScalableUnit unit(CacheConfig cache, boolean cachingMode) {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.cache = cache;
        recipe.cap |= cachingMode ? Cap.CM.mask() : 0;
        ScalableUnit unit = new ScalableUnit(recipe).store(IMAGE);
        unit.root(1, false);
        return unit.translating().queueing(true);
    }

    private static void run(CacheConfig cache, boolean cachingMode, SplittableRandom random, int[] translated) {
        ScalableUnit cached = unit(cache, cachingMode);
        ScalableUnit plain = unit(CacheConfig.NONE, cachingMode);
        for (int round = 0; round < 30; round++) {
            edit(random, cached, plain);
            for (int i = 0; i < 12; i++) {
                request(random.split(), cached, plain);
                translated[0] += cached.access.outcome() == DmaAccess.Outcome.TRANSLATED ? 1 : 0;
            }
        }
        IMAGE.keySet()
                .forEach(address -> assertEquals(
                        Long.toHexString(plain.memory.readLongLe(address)),
                        Long.toHexString(cached.memory.readLongLe(address)),
                        () -> "flags at 0x" + Long.toHexString(address)));
    }

    private static void request(SplittableRandom random, ScalableUnit cached, ScalableUnit plain) {
        int pasid = PASIDS[random.nextInt(PASIDS.length)];
        long address = ADDRESSES[random.nextInt(ADDRESSES.length)];
        int rights = 1 + random.nextInt(3);
        AddressType type = random.nextInt(4) == 0 ? AddressType.TRANSLATION_REQUEST : AddressType.UNTRANSLATED;
        boolean privileged = random.nextInt(4) == 0;
        for (ScalableUnit unit : new ScalableUnit[] {cached, plain}) {
            unit.access.begin(0x310, address, rights).withPasid(pasid).as(type);
            if (privileged) {
                unit.access.asPrivileged();
            }
            unit.chip.translate(unit.access);
        }
        String request = String.format("PASID %x address %x rights %d %s", pasid, address, rights, type);
        assertEquals(plain.access.faultCode(), cached.access.faultCode(), request);
        assertEquals(plain.access.outcome(), cached.access.outcome(), request);
        assertEquals(plain.access.spa(), cached.access.spa(), request);
        assertEquals(plain.access.grantedRights(), cached.access.grantedRights(), request);
        assertEquals(plain.access.pageBytes(), cached.access.pageBytes(), request);
        assertEquals(plain.faults(), cached.faults(), request);
    }

    /** Turns one or two bits of an entry over and sends what that asks for. */
    private static void edit(SplittableRandom random, ScalableUnit... units) {
        switch (random.nextInt(6)) {
            case 0, 1 -> {
                flip(pick(SECOND_STAGE, random), random.nextInt(12), random, units);
                submit(0x0000000000120022L, 0, units);
                submit(0x0000000000140022L, 0, units);
            }
            case 2 -> {
                flip(pick(FIRST_STAGE, random), random.nextInt(12), random, units);
                submit(0x0000034500130026L, 0, units);
            }
            case 3 -> {
                flip(pick(NESTED, random), random.nextInt(12), random, units);
                submit(0x0000034600120026L, 0, units);
            }
            case 4 -> {
                int[] bits = {0, 1, 2, 3, 6, 7, 8, 9};
                long entry = pick(PASID_ENTRIES, random);
                switch (random.nextInt(3)) {
                    case 0 -> flip(entry, bits[random.nextInt(bits.length)], random, units);
                    case 1 -> flip(entry + 8, 23, random, units);
                    default -> flip(entry + 16, new int[] {0, 2, 4, 7}[random.nextInt(4)], random, units);
                }
                forgetPasids(units);
            }
            default -> {
                flip(0x2200, new int[] {0, 1, 2, 3, 4, 9}[random.nextInt(6)], random, units);
                submit(0x0000031000000031L, 0, units);
                forgetPasids(units);
            }
        }
    }

    /** PASID cache and IOTLB of every domain, and of the domain id of entries that fault. */
    private static void forgetPasids(ScalableUnit... units) {
        submit(0x0000000000000007L, 0, units);
        for (int domain : DOMAINS) {
            submit(0x7 | (long) domain << 16, 0, units);
            submit(0x22 | (long) domain << 16, 0, units);
        }
    }

    private static void flip(long address, int bit, SplittableRandom random, ScalableUnit... units) {
        long mask = 1L << bit | (random.nextInt(4) == 0 ? 1 : 0);
        for (ScalableUnit unit : units) {
            unit.memory.writeLongLe(address, unit.memory.readLongLe(address) ^ mask);
        }
    }

    private static void submit(long word0, long word1, ScalableUnit... units) {
        for (ScalableUnit unit : units) {
            unit.submit(word0, word1);
            assertEquals(-1, unit.queueError());
        }
    }

    private static long pick(long[] addresses, SplittableRandom random) {
        return addresses[random.nextInt(addresses.length)];
    }
}
