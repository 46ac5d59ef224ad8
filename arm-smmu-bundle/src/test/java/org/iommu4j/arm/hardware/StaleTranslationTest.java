package org.iommu4j.arm.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the sanitizer says of software that forgets an invalidation: the duties of docs/spec/arm-smmu.md 10. */
class StaleTranslationTest {
    private static final int STREAM = 0x1A8;
    private static final long PAGE = 0x1234567000L;
    private static final long LEAF = 0x43000b38L;
    private static final long OTHER = 0x0000000099999f47L;
    private static final long SYNC = 0x46;

    private SimulatedPlatform platform;
    private SimulatedSmmu chip;
    private int produced;

    @BeforeEach
    void makeAMachine() {
        platform = new SimulatedPlatform(new PlatformConfig(
                48, List.of(), (address, data) -> {}, (requester, pasid, iova, length) -> true, Sanitizer.Mode.ON));
        new SpecificationVectors().image().forEach((address, word) -> write(address, word));
        chip = SimulatedSmmu.create(HardwareConfig.of(SmmuGeneration.V3_3).with(CacheConfig.WORST_CASE), platform);
        chip.writeRegister(SmmuUnit.CMDQ_BASE, 8, SmmuUnit.COMMANDS | 8);
        chip.writeRegister(SmmuUnit.STRTAB_BASE, 8, 0x10000000L);
        chip.writeRegister(SmmuUnit.STRTAB_BASE_CFG, 4, 9);
        chip.writeRegister(SmmuUnit.CR0, 4, SmmuUnit.SMMUEN | SmmuUnit.CMDQEN);
    }

    private void write(long pa, long word) {
        platform.memory().writeLongLe(pa, word);
    }

    private void commands(long... words) {
        for (int i = 0; i < words.length; i += 2) {
            write(SmmuUnit.COMMANDS + 16L * produced, words[i]);
            write(SmmuUnit.COMMANDS + 16L * produced + 8, words[i + 1]);
            produced++;
        }
        chip.writeRegister(SmmuUnit.CMDQ_PROD, 4, produced);
        assertEquals(produced, chip.readRegister(SmmuUnit.CMDQ_CONS, 4));
    }

    private long read(int substream) {
        DmaAccess access = new DmaAccess().begin(STREAM, PAGE, DmaAccess.READ).withPasid(substream);
        chip.translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    private List<Finding.Kind> kinds() {
        List<Finding.Kind> kinds = new ArrayList<>();
        platform.sanitizer().report().findings().forEach(finding -> kinds.add(finding.kind()));
        return kinds;
    }

    @Test
    void shouldFindALeafThatWasChangedWithoutAnInvalidation() {
        assertEquals(0x87654000L, read(5));
        write(LEAF, OTHER);
        assertEquals(0x87654000L, read(5));
        assertEquals(List.of(Finding.Kind.MISSING_INVALIDATION), kinds());
        Finding finding = platform.sanitizer().report().findings().get(0);
        assertTrue(finding.toString().contains("CMD_TLBI_NH_VA VMID=0x2a ASID=0x7"), finding::toString);
        assertTrue(finding.toString().contains("SMMU-D.12"), finding::toString);
    }

    @Test
    void shouldFindNothingIfTheLeafWasInvalidatedByWhateverCommand() {
        long[][] cures = {
            {0x0007002a00000012L, PAGE | 1},
            {0x0007002a00000012L, PAGE},
            {0x0000002a00000013L, PAGE | 1},
            {0x0007002a00000011L, 0},
            {0x0000002a00000010L, 0},
            {0x0000002a00000028L, 0},
            {0x30L, 0},
            {0x0007002a00000012L, PAGE | 0x701},
            {0x0007002a00100012L, PAGE | 0x401}
        };
        long leaf = 0x87654f47L;
        for (long[] cure : cures) {
            assertEquals(leaf & 0xfffff000L, read(5));
            leaf ^= 0x1000;
            write(LEAF, leaf);
            commands(cure[0], cure[1], SYNC, 0);
        }
        assertEquals(leaf & 0xfffff000L, read(5));
        assertEquals(List.of(), kinds());
    }

    @Test
    void shouldFindTheInvalidationThatNamesTheWrongGranuleLevelOrVm() {
        long[][] misses = {
            {0x0007002a00100012L, (PAGE & -0x10000L) | 0xc01},
            {0x0007002a00000012L, (PAGE & -0x200000L) | 0x601},
            {0x0007002b00000012L, PAGE | 1},
            {0x0008002a00000012L, PAGE | 1}
        };
        for (long[] miss : misses) {
            makeAMachine();
            produced = 0;
            read(5);
            write(LEAF, OTHER);
            commands(miss[0], miss[1], SYNC, 0);
            assertEquals(0x87654000L, read(5));
            assertTrue(kinds().contains(Finding.Kind.MISSING_INVALIDATION), () -> Long.toHexString(miss[1]));
        }
    }

    @Test
    void shouldFindAContextDescriptorThatWasChangedWithoutAnInvalidation() {
        // SMMU-D.19: the descriptor of SubstreamID 5 gets another table.
        read(5);
        write(0x20000148L, 0x60000000L);
        assertEquals(0x87654000L, read(5));
        assertTrue(kinds().contains(Finding.Kind.MISSING_INVALIDATION));
        assertTrue(platform.sanitizer().report().findings().toString().contains("CMD_CFGI_CD"));
    }

    @Test
    void shouldFindAStreamTableEntryThatWasChangedWithoutAnInvalidation() {
        // V46 and SMMU-D.1: V=0 stays cached until CFGI_STE.
        write(0x10006a00L, 0);
        assertEquals(-1, read(5));
        write(0x10006a00L, 0x200000002000000bL);
        assertEquals(-1, read(5));
        assertTrue(kinds().contains(Finding.Kind.MISSING_INVALIDATION));
        commands(0x000001a800000003L, 1, SYNC, 0);
        assertEquals(0x87654000L, read(5));
    }

    @Test
    void shouldFindATableThatWasFreedWithOnlyItsLeavesInvalidated() {
        // E45 and SMMU-D.14: Leaf=1 leaves the walk cache.
        read(5);
        write(0x42000d10L, 0x45000003L);
        write(0x45000b38L, OTHER);
        commands(0x0007002a00000012L, PAGE | 1, SYNC, 0);
        assertEquals(0x87654000L, read(5));
        assertTrue(kinds().contains(Finding.Kind.MISSING_INVALIDATION));
        commands(0x0007002a00000012L, PAGE, SYNC, 0);
        assertEquals(0x99999000L, read(5));
    }
}
