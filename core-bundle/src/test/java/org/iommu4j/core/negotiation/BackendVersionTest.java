package org.iommu4j.core.negotiation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class BackendVersionTest {
    @Test
    void shouldOrderAsOsgiDoes() {
        List<String> ascending = List.of("0.9", "1", "1.0.0.A", "1.0.1", "1.2.0", "1.10.0", "2.0.0");
        for (int i = 1; i < ascending.size(); i++) {
            BackendVersion lower = BackendVersion.parse(ascending.get(i - 1));
            BackendVersion higher = BackendVersion.parse(ascending.get(i));
            assertTrue(lower.compareTo(higher) < 0, ascending.get(i - 1) + " < " + ascending.get(i));
        }
        assertEquals(BackendVersion.parse("1"), BackendVersion.parse("1.0.0"));
    }

    @Test
    void shouldRefuseWhatIsNoVersion() {
        for (String text : new String[] {null, "", "1.", "a", "1.2.3.4.5", "-1.0.0", "1.0.0-x", "99999999999", " 1"}) {
            assertNull(BackendVersion.parse(text), text);
        }
    }
}
