package org.iommu4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CompletionTest {
    private final Completion completion = new Completion();

    @Test
    void shouldStayWidenedWhenAStepWasWidened() {
        completion.widened("no command has a range of all PASIDs");
        completion.done(Fidelity.EXACT);

        assertEquals(Fidelity.WIDENED, completion.fidelity());
        assertEquals(1, completion.handled());
        assertEquals("1 handled, WIDENED (no command has a range of all PASIDs)", completion.toString());
    }

    @Test
    void shouldForgetEverythingAtTheBeginning() {
        completion.widened("why");
        completion.refuse(Rule.V36, "DID", 2, 0x12, "the domain id is the host's");

        completion.begin();

        assertEquals(Errno.OK, completion.errno());
        assertEquals(Fidelity.EXACT, completion.fidelity());
        assertNull(completion.rule());
        assertEquals(-1, completion.offset());
        assertEquals("", completion.reason());
    }

    @Test
    void shouldNameRuleFieldOffsetAndValue() {
        int result = completion.refuse(Rule.V36, "DID", 2, 0x12, "the domain id is the host's");

        assertEquals(-1, result);
        assertEquals("EPERM V36 DID at byte 2 = 0x12: the domain id is the host's", completion.toString());
    }

    @Test
    void shouldFailWithoutARuleWhenNoneIsBroken() {
        assertEquals(-19, completion.fail(Errno.ENODEV, "no backend"));
        assertEquals("ENODEV: no backend", completion.toString());
    }

    @Test
    void shouldCopyEverything() {
        Completion copy = new Completion();
        completion.refuse(Rule.V24, Errno.EOPNOTSUPP, "scope", 12, 1, "no PASID tag exists");

        copy.copy(completion);

        assertEquals(completion.toString(), copy.toString());
        assertEquals(Rule.V24, copy.rule());
    }

    @Test
    void shouldHaveANumberOfItsOwnForEachErrno() {
        Set<Integer> numbers = new HashSet<>();
        for (Errno errno : Errno.values()) {
            assertEquals(true, numbers.add(errno.number()), errno::name);
            assertEquals(errno, Errno.ofCode(errno.code()));
        }
        assertThrows(IllegalArgumentException.class, () -> Errno.ofCode(-9999));
    }

    @Test
    void shouldMirrorLinuxNumbers() {
        assertEquals(25, Errno.ENOTTY.number());
        assertEquals(14, Errno.EFAULT.number());
        assertEquals(22, Errno.EINVAL.number());
        assertEquals(7, Errno.E2BIG.number());
        assertEquals(75, Errno.EOVERFLOW.number());
        assertEquals(95, Errno.EOPNOTSUPP.number());
        assertEquals(93, Errno.EPROTONOSUPPORT.number());
        assertEquals(19, Errno.ENODEV.number());
        assertEquals(1, Errno.EPERM.number());
        assertEquals(116, Errno.ESTALE.number());
    }
}
