package org.iommu4j.driver.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;

class DomainTableTest {
    private final DomainTable<String> table = new DomainTable<>();
    private final Completion completion = new Completion();

    @Test
    void shouldFindWhatIsOpenAndNothingElse() {
        table.put(65_535, "last");
        table.put(0, "first");
        table.put(7, "seven");
        table.remove(7);

        assertEquals(List.of("first", "last"), table.open());
        assertEquals("first", table.find(0));
        assertEquals("last", table.find(65_535));
        assertNull(table.find(7));
        assertNull(table.find(-1));
        assertNull(table.find(65_536));
        assertNull(table.find(Integer.MIN_VALUE));
    }

    @Test
    void shouldRefuseANumberThatIsOpenOrOutOfRange() {
        table.put(3, "three");

        assertEquals(0, table.checkNew(4, completion));
        assertEquals(0, table.checkNew(65_535, completion));
        assertNotEquals(0, table.checkNew(3, completion));
        assertEquals(Errno.EEXIST, completion.errno());
        for (int number : new int[] {-1, 65_536, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertNotEquals(0, table.checkNew(number, completion));
            assertEquals(Errno.EINVAL, completion.errno());
            assertEquals("domain", completion.field());
        }
    }
}
