package org.iommu4j.intel.hardware;

import static org.iommu4j.backend.Finding.Kind.MISSING_INVALIDATION;
import static org.iommu4j.backend.Finding.Kind.STALE_AFTER_COMPLETION;
import static org.iommu4j.backend.Finding.Kind.SUPERFLUOUS;
import static org.iommu4j.backend.Finding.Kind.USE_AFTER_FREE_OF_TABLE;
import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.TableBuilder;
import org.iommu4j.intel.table.TableWalker;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Findings of the sanitizer on right and on broken units, and with right and with broken guests. */
class StaleTranslationTest {
    private static final int LEVELS = 3;
    private static final long IOVA = 0x4000_0000L;
    private static final long PAGE = 0x1000;
    private static final long OLD = 0x5000;
    private static final long NEW = 0x9000;
    private static final long LEAF_ONLY = 0x40;
    private static final long PAGE_SELECTIVE = 0x12_0032L;
    private static final long DOMAIN_SELECTIVE = 0x12_0022L;
    private static final long WAIT = 0x1_0000_0025L;

    private VtdUnit unit;
    private long table;

    /** Caches that do not do what a command says. */
    private static class Broken extends TranslationCaches {
        Broken(CacheConfig config, TableWalker walker) {
            super(config, walker);
        }
    }

    private static final class IgnoresPages extends Broken {
        IgnoresPages(CacheConfig config, TableWalker walker) {
            super(config, walker);
        }

        @Override
        void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
            // That is what is wrong with it.
        }
    }

    private static final class DropsOnePage extends Broken {
        DropsOnePage(CacheConfig config, TableWalker walker) {
            super(config, walker);
        }

        @Override
        void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
            super.invalidatePages(domain, iova, 0, leafOnly);
        }
    }

    private static final class KeepsTables extends Broken {
        KeepsTables(CacheConfig config, TableWalker walker) {
            super(config, walker);
        }

        @Override
        void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
            super.invalidatePages(domain, iova, addressMask, true);
        }
    }

    private static final class KeepsContexts extends Broken {
        KeepsContexts(CacheConfig config, TableWalker walker) {
            super(config, walker);
        }

        @Override
        void invalidateContextOfDevice(int sourceId, int functionMask, int domain) {
            // That is what is wrong with it.
        }
    }

    @Test
    void shouldFindNothingWhenAnEditIsInvalidatedAndAwaited() {
        begin(CacheConfig.WORST_CASE, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        map(0, NEW);
        // Old is legal until the invalidation is complete.
        use(0, OLD);
        unit.submit(PAGE_SELECTIVE, IOVA | LEAF_ONLY);
        await();
        use(0, NEW);

        assertEquals(Set.of(), kinds());
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldFindAnEvenUnusedStaleEntryOnlyUntilItIsInvalidatedWhateverTheCache(CacheConfig cache) {
        begin(cache, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        map(0, NEW);
        unit.dma(DEVICE, IOVA, READ);
        assertEquals(Set.of(MISSING_INVALIDATION), kinds());

        unit.submit(DOMAIN_SELECTIVE, 0);
        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        await();

        assertEquals(Set.of(), kinds());
    }

    @Test
    void shouldFindTheChipsFaultWhenItIgnoresACommand() {
        begin(CacheConfig.DEFAULT, IgnoresPages::new);
        map(0, OLD);
        use(0, OLD);
        map(0, NEW);
        unit.submit(PAGE_SELECTIVE, IOVA | LEAF_ONLY);
        use(0, OLD);
        assertEquals(Set.of(MISSING_INVALIDATION), kinds(), "not complete yet");
        await();
        use(0, OLD);

        assertEquals(Set.of(STALE_AFTER_COMPLETION), kinds());
        Finding finding = only(STALE_AFTER_COMPLETION);
        assertEquals(1, finding.count());
        assertEquals(DEVICE, finding.requester());
        assertEquals(IOVA, finding.iova());
        assertEquals(leaf(0), finding.edit().pa());
        assertEquals(OLD | 1, finding.edit().before());
        assertEquals(NEW | 1, finding.edit().after());
        assertEquals(CachedKind.TRANSLATION, finding.fill().kind());
        assertEquals(DOMAIN, finding.fill().tag());
        assertEquals(OLD, finding.fill().target());
        assertEquals("iotlb_inv_dsc", finding.command().name());
        assertEquals(PAGE_SELECTIVE, finding.command().word0());
        assertEquals(IOVA | LEAF_ONLY, finding.command().word1());
        assertEquals(1, finding.command().due());
        assertEquals(0, finding.command().dropped());
        assertTrue(finding.fill().at() < finding.edit().at()
                && finding.edit().at() < finding.command().at()
                && finding.command().at() < finding.command().completedAt()
                && finding.command().completedAt() < finding.at());
        assertEquals(
                "iotlb_inv_dsc G=3 DID=0x12 ADDR=0x40000000 AM=0 IH=1, then inv_wait_dsc (or the registers CCMD and"
                        + " IOTLB)",
                finding.covering());
        assertTrue(finding.rule().startsWith("VT-d table 28, VTD-28.11, "), finding.rule());
    }

    @Test
    void shouldFindTheChipsFaultWhenTheEditComesAfterTheIgnoredCommand() {
        begin(CacheConfig.DEFAULT, IgnoresPages::new);
        map(0, OLD);
        use(0, OLD);
        unit.submit(PAGE_SELECTIVE, IOVA);
        await();
        map(0, NEW);
        use(0, OLD);

        assertEquals(1, report().chipFaults());
    }

    @Test
    void shouldFindJustThePagesThatWereNotDroppedWhenACommandDropsTooLittle() {
        begin(CacheConfig.DEFAULT, DropsOnePage::new);
        for (int page = 0; page < 4; page++) {
            map(page, OLD + page * PAGE);
            use(page, OLD + page * PAGE);
            map(page, NEW + page * PAGE);
        }
        unit.submit(PAGE_SELECTIVE, IOVA | LEAF_ONLY | 2);
        await();
        use(0, NEW);
        assertEquals(Set.of(), kinds());
        use(3, OLD + 3 * PAGE);

        assertEquals(Set.of(STALE_AFTER_COMPLETION), kinds());
        Finding finding = only(STALE_AFTER_COMPLETION);
        assertEquals(IOVA + 3 * PAGE, finding.iova());
        assertEquals(leaf(3), finding.edit().pa());
        assertEquals(4, finding.command().due());
        assertEquals(1, finding.command().dropped());
    }

    @Test
    void shouldFindTheChipsFaultWhenItKeepsATableThatWasTakenAway() {
        begin(CacheConfig.DEFAULT, KeepsTables::new);
        map(0, OLD);
        use(0, OLD);
        long other = unit.tables.newTable();
        unit.memory.writeLongLe(other, NEW | 3);
        unit.memory.writeLongLe(directoryEntry(), other | 3);
        unit.submit(PAGE_SELECTIVE, IOVA);
        await();
        use(0, OLD);

        assertEquals(Set.of(STALE_AFTER_COMPLETION), kinds());
        Finding finding = only(STALE_AFTER_COMPLETION);
        assertEquals(CachedKind.PAGING_STRUCTURE, finding.fill().kind());
        assertEquals(directoryEntry(), finding.edit().pa());
        assertTrue(finding.covering().contains("IH=0"), finding.covering());
    }

    @Test
    void shouldFindTheChipsFaultWhenItKeepsAContextEntry() {
        begin(CacheConfig.DEFAULT, KeepsContexts::new);
        map(0, OLD);
        use(0, OLD);
        long other = unit.tables.newTable();
        unit.attach(DEVICE, DOMAIN, 1, ContextEntry.UNTRANSLATED_ONLY, other);
        unit.submit(0x310_0012_0031L, 0);
        unit.submit(DOMAIN_SELECTIVE, 0);
        await();
        use(0, OLD);

        assertEquals(Set.of(STALE_AFTER_COMPLETION), kinds());
        Finding finding = only(STALE_AFTER_COMPLETION);
        assertEquals(CachedKind.CONTEXT, finding.fill().kind());
        assertEquals("cc_inv_dsc", finding.command().name());
        assertEquals(DEVICE, finding.fill().first());
    }

    @Test
    void shouldFindTheGuestsFaultWhenItForgetsAnInvalidation() {
        begin(CacheConfig.DEFAULT, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        map(0, NEW);
        use(0, OLD);

        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        Finding finding = only(MISSING_INVALIDATION);
        assertEquals(leaf(0), finding.edit().pa());
        assertEquals(DEVICE, finding.requester());
        assertEquals(IOVA, finding.iova());
        assertNull(finding.command());
        assertTrue(finding.covering().startsWith("iotlb_inv_dsc G=3 DID=0x12 ADDR=0x40000000 AM=0 IH=1"));
        assertTrue(finding.text().contains("no invalidation covered it"), finding.text());
    }

    @Test
    void shouldFindTheGuestsFaultForGoodWhenItMapsAnewBeforeItInvalidates() {
        begin(CacheConfig.NONE, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        unit.tables.unmap(table, LEVELS, IOVA);
        map(0, NEW);
        use(0, NEW);
        unit.submit(DOMAIN_SELECTIVE, 0);
        await();

        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        assertEquals(0, only(MISSING_INVALIDATION).edit().after());
    }

    @Test
    void shouldFindTheGuestsFaultWhenItInvalidatesAnotherDomainOrAnotherPage() {
        begin(CacheConfig.DEFAULT, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        map(0, NEW);
        unit.submit(0x13_0032L, IOVA);
        unit.submit(PAGE_SELECTIVE, IOVA + PAGE);
        await();
        use(0, OLD);

        // The second page has the table above in common, which did not change.
        assertEquals(Set.of(MISSING_INVALIDATION, SUPERFLUOUS), kinds());
        assertEquals(2, report().count(SUPERFLUOUS));
    }

    @Test
    void shouldFindTheGuestsFaultWhenItForgetsTheWait() {
        begin(CacheConfig.WORST_CASE, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        map(0, NEW);
        use(0, OLD);
        unit.submit(PAGE_SELECTIVE, IOVA | LEAF_ONLY);
        use(0, NEW);

        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        Finding finding = only(MISSING_INVALIDATION);
        assertEquals("iotlb_inv_dsc", finding.command().name());
        assertEquals(-1, finding.command().completedAt());
        assertTrue(finding.text().contains("did not wait"), finding.text());
    }

    @Test
    void shouldFindTheGuestsFaultWhenItTakesATableAwayAndInvalidatesLeavesOnly() {
        begin(CacheConfig.DEFAULT, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        unit.memory.writeLongLe(directoryEntry(), 0);
        unit.submit(PAGE_SELECTIVE, IOVA | LEAF_ONLY);
        await();
        use(0, OLD);

        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        Finding finding = only(MISSING_INVALIDATION);
        assertEquals(directoryEntry(), finding.edit().pa());
        assertTrue(finding.covering().contains("IH=0"), finding.covering());
    }

    @Test
    void shouldFindTheGuestsFaultWhenItChangesAContextEntryAndInvalidatesThatAlone() {
        begin(CacheConfig.DEFAULT, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        long other = unit.tables.newTable();
        unit.attach(DEVICE, DOMAIN, 1, ContextEntry.UNTRANSLATED_ONLY, other);
        unit.tables.map(other, LEVELS, IOVA, NEW, 1, READ);
        unit.submit(0x310_0012_0031L, 0);
        await();
        use(0, OLD);

        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        assertEquals(CachedKind.TRANSLATION, only(MISSING_INVALIDATION).fill().kind());
    }

    @Test
    void shouldFindATableThatIsFreedBeforeItsEntryIsInvalidated() {
        begin(CacheConfig.NONE, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        long leaves = leaf(0) & -PAGE;
        unit.memory.writeLongLe(directoryEntry(), 0);
        unit.platform.freePages(leaves, 1);
        unit.submit(PAGE_SELECTIVE, IOVA);
        await();

        assertEquals(Set.of(USE_AFTER_FREE_OF_TABLE), kinds());
        Finding finding = only(USE_AFTER_FREE_OF_TABLE);
        assertEquals(leaves, finding.fill().target());
        assertEquals(directoryEntry(), finding.edit().pa());
        assertEquals(DEVICE, finding.requester());
        assertNull(finding.command());
    }

    @Test
    void shouldFindATableThatIsFreedBeforeTheWait() {
        begin(CacheConfig.DEFAULT, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        long leaves = leaf(0) & -PAGE;
        unit.memory.writeLongLe(directoryEntry(), 0);
        unit.submit(PAGE_SELECTIVE, IOVA);
        unit.platform.freePages(leaves, 1);
        await();

        assertEquals(Set.of(USE_AFTER_FREE_OF_TABLE), kinds());
        assertEquals("iotlb_inv_dsc", only(USE_AFTER_FREE_OF_TABLE).command().name());
    }

    @Test
    void shouldFindNothingWhenATableIsFreedAfterTheWait() {
        begin(CacheConfig.WORST_CASE, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        long leaves = leaf(0) & -PAGE;
        unit.memory.writeLongLe(directoryEntry(), 0);
        unit.submit(PAGE_SELECTIVE, IOVA);
        await();
        unit.platform.freePages(leaves, 1);
        unit.assertFaults(DEVICE, IOVA, READ, FaultReason.READ_DENIED);

        assertEquals(Set.of(), kinds());
    }

    @Test
    void shouldCountWhatWasSuperfluousAndWhatItCost() {
        begin(CacheConfig.DEFAULT, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        unit.submit(DOMAIN_SELECTIVE, 0);
        unit.submit(DOMAIN_SELECTIVE, 0);
        await();

        assertEquals(Set.of(SUPERFLUOUS), kinds());
        Finding finding = only(SUPERFLUOUS);
        assertEquals(2, finding.count());
        // A translation and the two tables above its own, all right.
        assertEquals(3, finding.cost());
        assertEquals(DOMAIN_SELECTIVE, finding.command().word0());
    }

    @Test
    void shouldFindAMissingInvalidationWhenCachingModeKeepsThatNothingWasMapped() {
        unit = recipe().cache(CacheConfig.DEFAULT).cap("CM", 1).sanitized().make();
        table = unit.attach(DEVICE, DOMAIN, 1);
        unit.translating().queueing(0);
        map(1, OLD);
        unit.assertFaults(DEVICE, IOVA, READ, FaultReason.READ_DENIED);
        map(0, NEW);
        unit.assertFaults(DEVICE, IOVA, READ, FaultReason.READ_DENIED);

        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
    }

    @Test
    void shouldJudgeWhatDevicesKeepByTheirOwnInvalidations() {
        unit = recipe().ecap("DT", 1).sanitized().make();
        table = unit.tables.newTable();
        unit.attach(DEVICE, DOMAIN, 1, ContextEntry.DEVICE_TLB, table);
        unit.translating().queueing(0);
        map(0, OLD);
        ask();
        map(0, NEW);
        unit.submit(PAGE_SELECTIVE, IOVA | LEAF_ONLY);
        await();
        ask();
        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        assertEquals(CachedKind.DEVICE, only(MISSING_INVALIDATION).fill().kind());

        unit.submit((long) DEVICE << 32 | 0x3, IOVA);
        await();
        assertEquals(Set.of(), kinds());
    }

    @Test
    void shouldFindNothingWhenTranslationIsTurnedOffBeforeTablesAreFreed() {
        begin(CacheConfig.WORST_CASE, TranslationCaches::new);
        map(0, OLD);
        use(0, OLD);
        unit.write(VtdUnit.GCMD, VtdUnit.QIE);
        unit.platform.freePages(table, 1);

        assertEquals(Set.of(), kinds());
    }

    @Test
    void shouldJudgeRegisterCommandsToo() {
        unit = recipe().generation(0x100).host(39).sanitized().make();
        table = unit.attach(DEVICE, DOMAIN, 1);
        unit.translating();
        map(0, OLD);
        use(0, OLD);
        map(0, NEW);
        use(0, OLD);
        assertEquals(Set.of(MISSING_INVALIDATION), kinds());
        int offset = unit.chip.config().subVersion() == 0x100 ? (int) (unit.read8(0x10) >>> 8 & 0x3ff) * 16 + 8 : 0;
        unit.write8(offset, 1L << 63 | 2L << 60 | (long) DOMAIN << 32);
        use(0, NEW);

        assertEquals(Set.of(), kinds());
    }

    @Test
    void shouldObserveNothingUnlessAskedTo() {
        assertNull(recipe().make().platform.sanitizer());
    }

    @Test
    void shouldTellEachFunctionOfAMaskedContextInvalidation() {
        begin(CacheConfig.DEFAULT, TranslationCaches::new);
        map(0, OLD);
        for (int function = 0; function < 8; function++) {
            unit.attach(DEVICE | function, DOMAIN, 1, ContextEntry.UNTRANSLATED_ONLY, table);
        }
        for (int function = 0; function < 8; function++) {
            unit.assertTranslates(DEVICE | function, IOVA, READ, OLD);
        }
        long masked = (long) DEVICE << 32 | 0x12_0031L;
        unit.submit(ContextCacheInvalidate.FM.set(masked, 1), 0);
        unit.submit(ContextCacheInvalidate.FM.set(masked, 2), 0);

        SanitizerReport report = report();
        assertEquals(Set.of(SUPERFLUOUS), kinds());
        // Functions 0 and 4; then 2 and 6, the others being gone.
        assertEquals(2, report.findings().size());
        for (Finding finding : report.findings()) {
            assertEquals(2, finding.command().due());
            assertEquals(2, finding.cost());
        }
        assertEquals(2, report.count(SUPERFLUOUS));
    }

    private void begin(CacheConfig cache, BiFunction<CacheConfig, TableWalker, TranslationCaches> caches) {
        unit = recipe().cache(cache).caches(caches).sanitized().make();
        table = unit.attach(DEVICE, DOMAIN, 1);
        unit.translating().queueing(0);
    }

    private void map(int page, long pa) {
        unit.tables.map(table, LEVELS, IOVA + page * PAGE, pa, 1, READ);
    }

    private void use(int page, long pa) {
        unit.assertTranslates(DEVICE, IOVA + page * PAGE, READ, pa);
    }

    private void ask() {
        unit.access.begin(DEVICE, IOVA, READ).as(DmaAccess.AddressType.TRANSLATION_REQUEST);
        unit.chip.translate(unit.access);
    }

    private void await() {
        unit.submit(WAIT, 0x10_0000);
    }

    private long directoryEntry() {
        long directory = unit.memory.readLongLe(TableBuilder.entryAddress(table, IOVA, 3)) & -PAGE;
        return TableBuilder.entryAddress(directory, IOVA, 2);
    }

    private long leaf(int page) {
        long leaves = unit.memory.readLongLe(directoryEntry()) & -PAGE;
        return TableBuilder.entryAddress(leaves, IOVA + page * PAGE, 1);
    }

    private SanitizerReport report() {
        return unit.platform.sanitizer().report();
    }

    /** The kinds of all findings. */
    private Set<Finding.Kind> kinds() {
        Set<Finding.Kind> kinds = EnumSet.noneOf(Finding.Kind.class);
        kinds.addAll(report().counts().keySet());
        return kinds;
    }

    private Finding only(Finding.Kind kind) {
        List<Finding> found =
                report().findings().stream().filter(each -> each.kind() == kind).toList();
        assertEquals(1, found.size(), found::toString);
        return found.get(0);
    }
}
