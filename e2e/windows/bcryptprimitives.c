/* Debian 12 has wine 8, which lacks bcryptprimitives.dll. The standard library of Rust takes its random numbers from
 * there since Rust 1.78. This library passes the call on to a function that wine has. It is for tests only. */
#include <windows.h>

/* RtlGenRandom, under the name that advapi32.dll exports. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    const SIZE_T most = 1 << 20;
    for (SIZE_T done = 0; done < length;) {
        SIZE_T part = length - done < most ? length - done : most;
        if (!SystemFunction036(buffer + done, (ULONG)part))
            return FALSE;
        done += part;
    }
    return TRUE;
}
