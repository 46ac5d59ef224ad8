package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.simulation.memory.SparseMemory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EditedPageTest {
    private static final long LEAF = 0x6028;
    private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

    private final SparseMemory memory = new SparseMemory(List.of());

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldTellTheEditThatAnAccessSaw(boolean bigEndian) {
        EditedPage page = new EditedPage(3, null, 0x18, 0x5000, memory, bigEndian, "leaf", LEAF, 0x9003);

        page.edit();
        long first = target(bigEndian);
        page.complete();
        page.edit();
        long second = target(bigEndian);

        assertTrue(page.shows(first, page.completed(), page.edited()));
        assertTrue(page.shows(second, page.completed(), page.edited()));
        page.complete();
        assertFalse(page.shows(first, page.completed(), page.edited()));
        assertTrue(page.shows(second, page.completed(), page.edited()));
        assertFalse(page.shows(0x9000, 0, page.edited()));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldKeepTheAttributesOfTheEntry(boolean bigEndian) {
        EditedPage page =
                new EditedPage(3, null, 0x18, 0x5000, memory, bigEndian, "leaf", LEAF, 0x8000_0000_0000_9003L);

        page.edit();

        assertEquals(0x8000_0000_0000_0003L, word(bigEndian) & ~ADDRESS);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldTellEditsApartAfterManyOfThem(boolean bigEndian) {
        EditedPage page = new EditedPage(0, null, 0x18, 0x5000, memory, bigEndian, "leaf", LEAF, 0x9003);
        for (int i = 0; i < EditedPage.EDITS + 5; i++) {
            page.edit();
            page.complete();
        }
        long before = target(bigEndian);
        page.edit();

        assertTrue(page.shows(before, page.completed(), page.edited()));
        page.complete();
        assertFalse(page.shows(before, page.completed(), page.edited()));
        assertTrue(page.shows(target(bigEndian), page.completed(), page.edited()));
    }

    private long word(boolean bigEndian) {
        return bigEndian ? memory.readLongBe(LEAF) : memory.readLongLe(LEAF);
    }

    private long target(boolean bigEndian) {
        return word(bigEndian) & ADDRESS;
    }
}
