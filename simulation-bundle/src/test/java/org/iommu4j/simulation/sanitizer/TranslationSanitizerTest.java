package org.iommu4j.simulation.sanitizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.api.Test;

/** The sanitizer without any vendor: a chip of two words, an address space's entry and a page's. */
class TranslationSanitizerTest {
    private static final long ROOT = 0x1000;
    private static final long PAGE_WORD = 0x2008;
    private static final long IOVA = 0x1000;
    private static final int PASID = 7;
    private static final long TAG = 3;
    private static final int DEVICE = 0x42;

    private final SimulatedPlatform platform = new SimulatedPlatform(
            new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING, Sanitizer.Mode.ON));
    private final PhysicalMemory memory = platform.memory();
    private final Sanitizer sanitizer = platform.sanitizer();

    TranslationSanitizerTest() {
        sanitizer.started(new InvalidationRules() {
            @Override
            public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
                return "drop " + kind.label() + " " + tag + "." + pasid + " " + first + "+" + lengthBytes;
            }

            @Override
            public String rule(CachedKind kind) {
                return "rule of " + kind.label();
            }
        });
        memory.writeLongBe(ROOT, 0x2000);
        memory.writeLongBe(PAGE_WORD, 0x5000);
    }

    @Test
    void shouldJudgeByPasidAndTag() {
        walk();
        memory.writeLongBe(PAGE_WORD, 0x6000);
        drop(TAG, PASID + 1);
        sanitizer.completed();
        hit();
        assertEquals(1, report().count(Finding.Kind.MISSING_INVALIDATION));

        drop(TAG, TranslationObserver.ANY);
        sanitizer.completed();
        hit();

        assertEquals(1, report().chipFaults());
        Finding finding = report().findings().get(report().findings().size() - 1);
        assertEquals(Finding.Kind.STALE_AFTER_COMPLETION, finding.kind());
        assertEquals(PASID, finding.pasid());
        assertEquals(0x6000, finding.edit().after());
        assertEquals("drop translation 3.7 4096+4096", finding.covering());
        assertEquals("rule of translation", finding.rule());
    }

    @Test
    void shouldSeeNoEditWhereTheChipMarksAnEntryOrNothingChanges() {
        walk();
        sanitizer.begins(access(), ROOT);
        long word = memory.readLongLe(PAGE_WORD);
        memory.writeLongLe(PAGE_WORD, word | 1L << 40);
        sanitizer.ends();
        memory.writeLongLe(PAGE_WORD, word);
        memory.writeIntLe(0x3000, 1);
        hit();

        assertEquals(Map.of(), report().counts());
    }

    @Test
    void shouldSeeEditsOfAnyWidth() {
        for (int width = 0; width < 3; width++) {
            memory.writeLongBe(PAGE_WORD, 0x5000);
            sanitizer.started(rules());
            walk();
            switch (width) {
                case 0 -> memory.writeIntLe(PAGE_WORD + 4, 9);
                case 1 -> memory.write(PAGE_WORD - 3, new byte[] {1, 2, 3, 4}, 0, 4);
                default -> memory.writeLongBe(PAGE_WORD, 0x7000);
            }
            hit();
            assertEquals(1, report().count(Finding.Kind.MISSING_INVALIDATION), "width " + width);
        }
    }

    @Test
    void shouldNotTakeAnotherThreadsReadsForTheChips() throws InterruptedException {
        sanitizer.begins(access(), ROOT);
        Thread other = new Thread(() -> memory.readLongLe(0x8000));
        other.start();
        other.join();
        memory.readLongLe(PAGE_WORD);
        sanitizer.filled(CachedKind.TRANSLATION, TAG, PASID, IOVA, 0x1000, 0x5000, 1);
        sanitizer.ends();
        memory.writeLongLe(0x8000, 1);
        hitIn(0);

        assertEquals(Map.of(), report().counts());
    }

    @Test
    void shouldFindATableThatLeadsElsewhereThoughNoWordOfTheTranslationChanged() {
        walk();
        memory.writeLongBe(ROOT, 0x4000);
        sanitizer.invalidates(CachedKind.PASID, TAG, PASID, 0, -1L);
        sanitizer.invalidated("drop-pasid", 0, 0, 1);
        sanitizer.completed();
        sanitizer.begins(access(), ROOT);
        memory.readLongBe(ROOT);
        sanitizer.filled(CachedKind.PASID, TAG, PASID, 0, 1, 0x4000, TranslationObserver.ALL);
        sanitizer.hit(CachedKind.TRANSLATION, TAG, PASID, IOVA, 0x1000);
        sanitizer.ends();

        assertEquals(1, report().count(Finding.Kind.MISSING_INVALIDATION));
        Finding.Edit edit = report().findings().get(0).edit();
        assertNotNull(edit);
        assertEquals(ROOT, edit.pa());
    }

    @Test
    void shouldForgetEverythingWhenAChipStarts() {
        walk();
        memory.writeLongBe(PAGE_WORD, 0x6000);
        hit();
        sanitizer.started(rules());
        hit();

        assertEquals(Map.of(), report().counts());
    }

    @Test
    void shouldTellThatAPageWasFreedOnlyWhileAnEntryLeadsThere() {
        long table = platform.allocatePages(2);
        memory.writeLongBe(table, 0x5000);
        sanitizer.begins(access(), ROOT);
        memory.readLongBe(ROOT);
        sanitizer.filled(CachedKind.PAGING_STRUCTURE, TAG, PASID, 0, 1L << 21, table, 1);
        sanitizer.ends();
        platform.freePages(table + 4096, 1);
        assertEquals(Map.of(), report().counts());
        platform.freePages(table, 1);

        assertEquals(Map.of(Finding.Kind.USE_AFTER_FREE_OF_TABLE, 1L), report().counts());
        assertEquals("rule of paging-structure", report().findings().get(0).rule());
    }

    @Test
    void shouldKeepCountingWhenItKeepsNoMoreFindings() {
        int pages = 3000;
        for (int page = 0; page < pages; page++) {
            long at = 0x10_0000 + page * 8L;
            memory.writeLongLe(at, 1);
            sanitizer.begins(access(), ROOT);
            memory.readLongLe(at);
            sanitizer.filled(CachedKind.TRANSLATION, TAG, PASID, page * 0x1000L, 0x1000, 0x5000, 1);
            sanitizer.ends();
            memory.writeLongLe(at, 2);
            sanitizer.begins(access(), ROOT);
            sanitizer.hit(CachedKind.TRANSLATION, TAG, PASID, page * 0x1000L, 0x1000);
            sanitizer.ends();
        }

        assertEquals(pages, report().count(Finding.Kind.MISSING_INVALIDATION));
        assertTrue(report().findings().size() < pages);
        assertEquals(pages, report().edits());
        assertEquals(pages, report().fills());
        assertEquals(2L * pages, report().accesses());
    }

    /** As when the vendor's bundle was replaced after the chip had stopped: its classes cannot be loaded any more. */
    @Test
    void shouldTellWhatItFoundThoughTheRulesOfTheModelHaveGone() {
        sanitizer.started((InvalidationRules) Proxy.newProxyInstance(
                InvalidationRules.class.getClassLoader(),
                new Class<?>[] {InvalidationRules.class},
                (proxy, method, arguments) -> {
                    throw new IOException("the content of the bundle is closed");
                }));
        walk();
        memory.writeLongBe(PAGE_WORD, 0x6000);
        drop(TAG + 1, PASID);
        hit();

        Finding finding = report().findings().stream()
                .filter(one -> one.kind() == Finding.Kind.MISSING_INVALIDATION)
                .findFirst()
                .orElseThrow();
        assertEquals("an invalidation of the translation entry of 0x1000 with tag 0x3", finding.covering());
        assertEquals("the model's rules could not be asked: its chip has gone", finding.rule());
        assertTrue(
                finding.nearMiss().text().contains("dropped tag 0x4"),
                finding.nearMiss().text());
    }

    private static DmaAccess access() {
        return new DmaAccess().begin(DEVICE, IOVA + 8, DmaAccess.READ).withPasid(PASID);
    }

    private static InvalidationRules rules() {
        return new InvalidationRules() {
            @Override
            public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
                return "";
            }

            @Override
            public String rule(CachedKind kind) {
                return "";
            }
        };
    }

    private void walk() {
        sanitizer.begins(access(), ROOT);
        memory.readLongBe(ROOT);
        sanitizer.filled(CachedKind.PASID, TAG, PASID, 0, 1, 0x2000, TranslationObserver.ALL);
        sanitizer.missed(CachedKind.TRANSLATION, TAG, PASID, IOVA);
        memory.readLongBe(PAGE_WORD);
        sanitizer.filled(CachedKind.TRANSLATION, TAG, PASID, IOVA, 0x1000, 0x5000, 1);
        sanitizer.ends();
    }

    private void hit() {
        hitIn(0x2000);
    }

    /** Uses the translation by way of what leads to that table; 0 for none. */
    private void hitIn(long table) {
        sanitizer.begins(access(), ROOT);
        if (table != 0) {
            sanitizer.hit(CachedKind.PASID, TAG, PASID, 0, 1);
        }
        sanitizer.hit(CachedKind.TRANSLATION, TAG, PASID, IOVA, 0x1000);
        sanitizer.ends();
    }

    private void drop(long tag, int pasid) {
        sanitizer.invalidates(CachedKind.TRANSLATION, tag, pasid, 0, -1L);
        sanitizer.invalidated("drop", tag, pasid, 0);
    }

    private SanitizerReport report() {
        return sanitizer.report();
    }
}
